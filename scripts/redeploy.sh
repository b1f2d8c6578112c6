#!/usr/bin/env bash
# Put new weights live without a dropped request.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate redeploy "$@"
