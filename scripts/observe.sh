#!/usr/bin/env bash
# Start Prometheus and Alertmanager next to the native service; stop them; show whether they run.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line observe "$@"
run_natively observe "$@"
