#!/usr/bin/env bash
# Put a kept version live again: the previous one, or the one that is named.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate rollback "$@"
