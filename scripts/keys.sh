#!/usr/bin/env bash
# Make, list and revoke the gateway's API keys.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line keys "$@"
choose_where
if [[ $where == native ]]; then
  python=$(find_python)
  exec "$python" -m ops keys "$@"
fi
gateway=$(docker compose config --images | grep -m 1 '/api-gateway:' || true)
if ! docker image inspect "$gateway" >/dev/null 2>&1; then
  echo "+ docker compose build api-gateway" >&2
  docker compose build api-gateway >&2
fi
docker compose run --rm -T --no-deps keys "$@" </dev/null
