#!/usr/bin/env bash
# Make, list and revoke the gateway's API keys.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/keys.sh add NAME [--scope predict] [--scope admin] [--expires 30d]
       bash scripts/keys.sh list [--json]
       bash scripts/keys.sh revoke NAME
       … [--native | --docker]

  add      make a key and print it, once; scope predict unless others are named; --expires 12h, 30d, 52w
  list     names, scopes, when made, when they end
  revoke   take a key back; a running gateway refuses it within a second or two

The keys lie hashed in secrets/api_keys.jsonl, readable for the gateway alone.
Exit codes: 0 done; 1 failed, nothing changed; 2 wrong usage.
EOF
}

mode='' what='' arguments=()
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --native | --docker) mode=${1#--} ;;
    --json) arguments+=("$1") ;;
    --scope | --expires)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      arguments+=("$1" "$2")
      shift ;;
    -*) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    *)
      if [[ -z $what ]]; then what=$1; fi
      arguments+=("$1") ;;
  esac
  shift
done
if [[ -z $what ]]; then usage >&2; exit 2; fi

mode=$(choose_mode "$mode")
if [[ $mode == native ]]; then
  python=$(find_python)
  exec "$python" -m ops.keys "${arguments[@]}"
fi
image=$(docker compose config --images | grep -m 1 '/api-gateway:' || true)
if ! docker image inspect "$image" >/dev/null 2>&1; then
  echo "+ docker compose build api-gateway" >&2
  docker compose build api-gateway >&2
fi
docker compose run --rm -T --no-deps keys "${arguments[@]}" </dev/null
