#!/usr/bin/env bash
# Build the images of a release, push them to a registry, and pull them from there.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line images "$@"
take_settings REGISTRY COSIGN_KEY COSIGN_PUBLIC_KEY BASE_IMAGE TORCH_INDEX
python=$(find_python)
exec "$python" -m ops images "$@"
