#!/usr/bin/env bash
# Show whether a version still finds what it found at first; store what it is compared with.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"
# shellcheck source=scripts/client_python.sh
source scripts/client_python.sh

read_command_line drift "$@"
use_client_python "$PWD" dotenv httpx
exec "$python" -m ops drift "$@"
