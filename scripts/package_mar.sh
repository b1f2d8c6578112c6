#!/usr/bin/env bash
# Package weights into yolo.mar without Docker, as a new version.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

python=$(find_python)
read_command_line package "$@"
require_files "Copy your best.pt there, or name it: --weights FILE"
"$python" -m ops.setup.environment ${int8:+--int8}
exec .venv/bin/python -m ops package "$@"
