#!/usr/bin/env bash
# Show the kept versions and what was done to them; prune.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate releases "$@"
