# shellcheck shell=bash
# Sourced after engine.sh: where does the service run, and the release operations there.

# choose_mode [native|docker]: print where to operate: what was asked for, else where the service runs, else where it
# would be started. Fails with the reason when Docker was asked for and cannot be used.
choose_mode() {
  local asked=${1:-} reason
  if reason=$(engine_missing); then
    if [[ $asked == docker ]]; then
      echo "error: Docker: $reason. Start or install it, or use --native" >&2
      return 1
    fi
    echo native
  elif [[ -n $asked ]]; then
    echo "$asked"
  elif [[ -z $(_model_servers) && -e .run/state.json ]]; then
    echo native
  else
    echo docker
  fi
}

# The containers that may answer: of blue, and of green where green does.
_model_servers() {
  docker compose ps -q torchserve 2>/dev/null || true
  if green_answers; then docker compose --profile green ps -q torchserve-green 2>/dev/null || true; fi
}

# native_ops COMMAND...: the operation in this project's own environment.
native_ops() {
  if [[ ! -x .venv/bin/python ]]; then
    echo "error: no service was set up here yet. Start it first: bash scripts/up.sh. Nothing changed" >&2
    return 5
  fi
  .venv/bin/python -m ops "$@"
}

# docker_ops COMMAND...: the operation in a container beside TorchServe.
docker_ops() {
  local image key
  key=$(api_key) || return 1
  image=$(docker compose config --images model-archiver | tail -n 1)
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    echo "error: no service was built here yet. Start it first: bash scripts/up.sh. Nothing changed" >&2
    return 5
  fi
  YOLO_API_KEY=$key docker compose run --rm -T --no-deps release "$@" </dev/null
}

# released_by: who operates, for the records that a container writes.
released_by() {
  echo "${RELEASED_BY:-${SUDO_USER:-$(id -un 2>/dev/null || id -u)}@$(uname -n)}"
}

# explain SINCE [SERVICE]: the lines of TorchServe's log since then that say why something failed; of the one that
# answers, unless another is named.
explain() {
  local service=${2:-torchserve}
  if [[ -z ${2:-} ]] && green_answers; then service=torchserve-green; fi
  docker compose --profile green logs --no-color --no-log-prefix --since "$1" "$service" 2>/dev/null \
    | docker compose run --rm -T --no-deps release loglines 2>/dev/null || true
}

# anywhere COMMAND...: the operation where the service runs, or where $mode says. Exits with its code.
anywhere() {
  local status=0 began
  mode=$(choose_mode "${mode:-}")
  if [[ $mode == native ]]; then
    native_ops "$@" || status=$?
    exit "$status"
  fi
  RELEASED_BY=$(released_by)
  export RELEASED_BY
  began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  docker_ops "$@" || status=$?
  if ((status == 1 || status == 6)); then explain "$began"; fi
  exit "$status"
}
