#!/usr/bin/env bash
# Say what runs and whether it is ready; exit code 0 means ready.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"
# shellcheck source=scripts/client_python.sh
source scripts/client_python.sh

read_command_line status "$@"
if [[ -n $watch ]]; then
  # A client of both servers, natively and in Compose: their ports are on this machine's loopback interface.
  use_client_python "$PWD" dotenv httpx prometheus_client rich
  exec "$python" -m ops status "$@"
fi
if ! engine_missing >/dev/null && [[ -n $(docker compose ps -q 2>/dev/null) ]]; then
  docker compose ps
  # What the gateway's health check asks: would a picture be answered?
  state=$(docker compose ps -q api-gateway | xargs -r docker inspect --format '{{.State.Health.Status}}')
  if [[ $state == healthy ]]; then exit; fi
  echo "not ready: the gateway is ${state:-not there}"
  exit 1
fi
if [[ ! -x .venv/bin/python ]]; then
  echo "not set up yet; run: bash scripts/up.sh"
  exit 1
fi
exec .venv/bin/python -m ops status
