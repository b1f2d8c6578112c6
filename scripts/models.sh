#!/usr/bin/env bash
# List the models of the service; add one and remove one while it runs.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate models "$@"
