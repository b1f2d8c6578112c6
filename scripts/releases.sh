#!/usr/bin/env bash
# Show the kept versions and what was done to them; prune; push to a registry and pull from it.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line releases "$@"
if [[ $action != push && $action != pull ]]; then run_operation releases "$@"; fi
# On this machine, whose `docker login` and keys count: the containers of the operations reach no registry.
choose_where
if [[ $where == docker ]]; then unset MODEL_STORE; fi # used natively only
take_settings REGISTRY COSIGN_KEY COSIGN_PUBLIC_KEY
python=$(find_python)
exec "$python" -m ops releases "$@"
