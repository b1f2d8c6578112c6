#!/usr/bin/env bash
# Stop the service, however it was started: the native processes and the Compose project.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line down "$@"
hold_service_lock
if [[ -d .run && -x .venv/bin/python ]]; then
  .venv/bin/python -m ops down
fi
if engine_missing >/dev/null; then exit; fi

# Compose leaves the services of a profile that is not named alone, and then cannot remove the networks they are on.
compose=(docker compose)
while read -r profile; do compose+=(--profile "$profile"); done < <(docker compose config --profiles 2>/dev/null)
if [[ -z $("${compose[@]}" ps -aq 2>/dev/null) ]]; then exit; fi
# First the gateway, then what it asks: Compose does not know that the gateway depends on green.
if green_answers; then docker compose stop api-gateway; fi
"${compose[@]}" down
