#!/usr/bin/env bash
# Serve kept versions side by side, each with its share of the requests.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate experiment "$@"
