#!/usr/bin/env bash
# Detect in files, folders, patterns and addresses; write JSON lines, CSV, COCO, YOLO or pictures.
set -Eeuo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/python.sh
source "$root/scripts/python.sh"
# shellcheck source=scripts/client_python.sh
source "$root/scripts/client_python.sh"

use_client_python "$root" dotenv httpx rich
keep_client_environment
# The directory stays the caller's, where relative paths start; -P, so that nothing in it is imported.
PYTHONPATH=$root exec "$python" -P -m ops predict "$@"
