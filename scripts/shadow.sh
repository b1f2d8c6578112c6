#!/usr/bin/env bash
# Send a version copies of the requests, and count how its answers differ.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

operate shadow "$@"
