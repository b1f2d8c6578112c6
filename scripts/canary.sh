#!/usr/bin/env bash
# Send a share of the requests to a new version, up to all of them or back to none.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate canary "$@"
