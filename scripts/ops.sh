# shellcheck shell=bash
# Sourced by the scripts: changes to the root of the checkout, reads the command line with argparse, and runs the operation
# where the service runs.

export CALLER_PWD=$PWD # relative paths of the command line start there
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=scripts/python.sh
source scripts/python.sh
# shellcheck source=scripts/engine.sh
source scripts/engine.sh

# What read_command_line sets; empty when not given, `yes` for a flag. ops/cli/shell.py lists them.
# shellcheck disable=SC2034 # read by the scripts
where='' model='' action='' dry_run='' weights='' version='' note='' int8='' calibration='' force=''
# shellcheck disable=SC2034
keep_only='' print_version='' image='' build='' handler='' data='' max_map_loss='' url='' watch=''

# read_command_line COMMAND ARGUMENTS...: set the variables above to what the command line says. Prints the help and
# exits 0, or exits 2 with what is wrong with it.
read_command_line() {
  local python values packager
  if python=$(find_python 2>/dev/null); then
    values=$("$python" -B -m ops --for-shell "$@") || exit
  elif packager=$(packager_image); then
    values=$(docker run --rm --network none --env CALLER_PWD --entrypoint python "$packager" -m ops --for-shell "$@") || exit
  elif (($# == 1)) || [[ $# == 2 && $2 =~ ^--(native|docker)$ ]]; then
    values=where=${2:+${2#--}}
  else
    find_python || exit
  fi
  eval "$values"
}

# hold_service_lock: let one up.sh or down.sh at a time work in this checkout; another one waits here. The lock is an flock
# on the folder, on descriptor 9: the kernel releases it when this script and what it becomes have ended.
hold_service_lock() {
  exec 9<.
  if _flock --nonblock; then return 0; fi
  echo "Another up.sh or down.sh is at work in this folder; waiting for it" >&2
  _flock
}

# _flock [--nonblock]: lock descriptor 9. Succeeds where nothing here can lock: without flock(1), with an old Python, or on
# a file system without locks.
_flock() {
  local python status=0
  if command -v flock >/dev/null; then
    flock --conflict-exit-code 75 "$@" 9 2>/dev/null || status=$?
  elif python=$(find_python 2>/dev/null); then
    "$python" -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1:] else 0))
except BlockingIOError:
    sys.exit(75)
' "$@" 2>/dev/null || status=$?
  fi
  ((status != 75))
}

# await_operation: wait until no release operation holds the lock of a model, where flock(1) can tell.
await_operation() {
  local guard model status
  if ! command -v flock >/dev/null; then return 0; fi
  for guard in serving/torchserve/model-store/{,models.d/*/}.release-guard; do
    if [[ ! -r $guard ]]; then continue; fi
    status=0
    flock --shared --nonblock --conflict-exit-code 75 "$guard" true 2>/dev/null || status=$?
    if ((status != 75)); then continue; fi
    model=$(basename -- "$(dirname -- "$guard")")
    if [[ $guard == */models.d/* ]]; then model=" --model $model"; else model=''; fi
    echo "Another operation is at work (bash scripts/releases.sh unlock$model names it); waiting for it" >&2
    flock --shared "$guard" true
  done
}

# env_value NAME [LINES]: print the value of a setting: from the environment, else from .env (its first LINES lines), where
# quotes, ${NAME} and ${NAME:-default} mean what they mean to Compose and Python. Fails where another $ is in the value.
env_value() {
  local value=${!1:-} lines=${2:-\$} found number
  if [[ -z $value && -f .env && $lines != 0 ]]; then
    # The number of the line, and what follows the equals sign.
    found=$(sed -n "1,${lines}p" .env | sed -nE "/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*/{=;s///p;}" \
      | tail -n 2 | tr -d '\r')
    number=${found%%$'\n'*}
    value=${found#"$number"}
    value=${value#$'\n'}
    case $value in
      \'*\'*) value=${value#\'} value=${value%%\'*} ;;
      \"*\"*) value=${value#\"} value=$(_expand "${value%%\"*}" "$1" "$number") || return ;;
      *)
        value=$(sed -E 's/[[:space:]]+#.*//; s/[[:space:]]+$//' <<<"$value")
        value=$(_expand "$value" "$1" "$number") || return
        ;;
    esac
  fi
  printf '%s' "$value"
}

# _expand TEXT NAME LINE: print the value of a setting with the variables in it replaced, from the lines above LINE.
_expand() {
  # shellcheck disable=SC2016 # a pattern
  local left="" right=$1 known variable='^([^$]*)\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^${}]*))?\}(.*)$'
  while [[ $right =~ $variable ]]; do
    known=$(env_value "${BASH_REMATCH[2]}" $(($3 - 1))) || return
    left+=${BASH_REMATCH[1]}${known:-${BASH_REMATCH[4]}}
    right=${BASH_REMATCH[5]}
  done
  if [[ $right == *\$* ]]; then
    echo "error: .env, line $3: $2 has a \$ in its value that Compose takes for a variable. Write \${NAME} for the value of a variable; for the sign itself use single quotes: $2='…'" >&2
    return 1
  fi
  printf '%s' "$left$right"
}

# name_odd_env_lines: name the lines of .env that set nothing. Natively, ops/system/env_file.py says more. Compose reads
# `NAME: value` too.
name_odd_env_lines() {
  if [[ ! -f .env ]]; then return 0; fi
  awk '
    open { if (index($0, open)) open = ""; next }
    /^[[:space:]]*(#|$)/ { next }
    /^[[:space:]]*(export[[:space:]]+)?[A-Za-z_][A-Za-z0-9_.]*[[:space:]]*=/ {
      value = $0
      sub(/^[^=]*=[[:space:]]*/, "", value)
      quote = substr(value, 1, 1)
      if ((quote == "\047" || quote == "\"") && !index(substr(value, 2), quote)) open = quote
      next
    }
    { sub(/[=:].*/, ""); printf "note: .env, line %d is not NAME=value, and may mean nothing: %s\n", NR, $0 }
  ' .env >&2
}

# take_settings NAME...: export the settings that .env has, for a program that reads the environment alone.
take_settings() {
  local name value
  for name; do
    value=$(env_value "$name") || exit
    if [[ -n $value ]]; then export "$name=$value"; fi
  done
}

# take_model_store: natively the archives may be in another folder, which Python learns from the environment alone.
take_model_store() {
  MODEL_STORE=$(env_value MODEL_STORE) || exit
  if [[ -n $MODEL_STORE ]]; then export MODEL_STORE; fi
}
take_model_store

# user_name: print the caller's name, or the number of one without a name (for which `id -un` prints something and fails).
user_name() {
  local name
  name=$(id -un 2>/dev/null) || name=$(id -u)
  echo "$name"
}

# images_are_fixed: are the images that Compose runs used as they are, instead of built from the checkout?
images_are_fixed() {
  [[ $(env_value IMAGE_POLICY) == never ]]
}

# packager_image: print the name of the image that has Python and ops. Fails when it was not built yet.
packager_image() {
  local name
  name=$(docker compose config --images model-archiver 2>/dev/null | tail -n 1)
  docker image inspect "$name" >/dev/null 2>&1 && echo "$name"
}

# require_files FIX: exit 1 unless the weights, calibration pictures and data.yaml of the command line exist.
require_files() {
  if [[ -n $calibration && ! -d $calibration ]]; then
    echo "error: --calibration $calibration: there is no such folder. Name one with pictures like those to be served" >&2
    exit 1
  fi
  if [[ -n $data && ! -f $data ]]; then
    echo "error: --data $data: there is no such file. Name the data.yaml of a labelled set" >&2
    exit 1
  fi
  if [[ $weights == /* && ! -f $weights ]]; then
    echo "error: there are no weights at $weights. $1. Nothing was changed" >&2
    exit 1
  fi
}

# choose_where: set `where` to native or docker: what was asked for, else where the service runs, else where up.sh would
# start it. Exits 1 when Docker was asked for and cannot be used.
choose_where() {
  local reason
  if reason=$(engine_missing); then
    if [[ $where == docker ]]; then
      echo "error: Docker: $reason. Start or install it, or use --native" >&2
      exit 1
    fi
    where=native
  elif [[ -z $where ]]; then
    where=docker
    if [[ -z $(_model_servers) && -e .run/state.json ]]; then where=native; fi
  fi
}

# The containers that may answer: of blue, and of green where green does.
_model_servers() {
  docker compose ps -q torchserve 2>/dev/null || true
  if green_answers; then docker compose --profile green ps -q torchserve-green 2>/dev/null || true; fi
}

# run_natively COMMAND ARGUMENTS...: become the operation in this project's own environment.
run_natively() {
  if [[ ! -x .venv/bin/python ]]; then
    echo "error: no service was set up here yet. Start it first: bash scripts/up.sh. Nothing changed" >&2
    exit 5
  fi
  exec .venv/bin/python -m ops "$@"
}

# What run_in_container mounts besides the model store and the samples.
mounts=()

# run_in_container COMMAND ARGUMENTS...: the operation in a one-shot container on TorchServe's network.
run_in_container() {
  local key
  key=$(api_key) || return 1
  if ! packager_image >/dev/null; then
    echo "error: no service was built here yet. Start it first: bash scripts/up.sh. Nothing changed" >&2
    return 5
  fi
  RELEASED_BY=${RELEASED_BY:-${SUDO_USER:-$(user_name)}@$(uname -n)} YOLO_API_KEY=$key \
    docker compose run --rm -T --no-deps ${mounts[@]+"${mounts[@]}"} release "$@" </dev/null
}

# find_data PACKAGER [ARGUMENTS...]: print the folders that the labelled set of the command line needs, as the image
# PACKAGER reads its data.yaml: those that exist, a line each. ARGUMENTS are of validate.
find_data() {
  local folder folders
  if [[ ! -f $data ]]; then
    echo "error: $data: there is no such file. Name the data.yaml of the set" >&2
    return 2
  fi
  folders=$(docker run --rm --network none --env CALLER_PWD --volume "$data:$data:ro" --entrypoint python "$1" \
    -m ops validate "${@:2}" --print-folders) || return
  while read -r folder; do
    if [[ -d $folder ]]; then echo "$folder"; fi
  done <<<"$folders"
}

# explain_failure SINCE [SERVICE]: the lines of TorchServe's log since then that say why something failed; of the server
# that answers, unless another one is named.
explain_failure() {
  docker compose --profile green logs --no-color --no-log-prefix --since "$1" "${2:-$(answering_service)}" 2>/dev/null \
    | docker compose run --rm -T --no-deps release loglines 2>/dev/null || true
}

# operate COMMAND ARGUMENTS...: read the command line, then run the operation where the service runs. Exits with its exit
# code.
operate() {
  read_command_line "$@"
  run_operation "$@"
}

# run_operation COMMAND ARGUMENTS...: the same with a command line that was read; in Compose, weights are first packaged in
# a container without a network.
run_operation() {
  local status=0 began plan packaged of_model=()
  require_files "Check the path"
  choose_where
  if [[ $where == native ]]; then
    if [[ -n $int8 && -z $dry_run ]]; then "$(find_python)" -m ops.setup.environment --int8; fi
    run_natively "$@"
  fi
  began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  if [[ $weights == /* && -z $dry_run ]]; then
    # Ask whether it can be done at all before minutes of packaging.
    plan=$(run_in_container "$@" --dry-run) || status=$?
    if ((status)); then
      [[ -z $plan ]] || printf '%s\n' "$plan"
      exit "$status"
    fi
    if [[ $model != yolo ]]; then of_model=(--model "$model"); fi
    if [[ $1 == models ]]; then of_model+=(--new-model); fi
    case $int8 in yes) int8=--int8 ;; fast) int8=--int8=fast ;; esac
    packaged=$(bash scripts/package_mar_docker.sh --keep-only --print-version --weights "$weights" --note "$note" \
      ${of_model[@]+"${of_model[@]}"} ${version:+--version "$version"} ${int8:+"$int8" --calibration "$calibration" ${force:+--force}} \
      ${data:+--data "$data"} ${max_map_loss:+--max-map-loss "$max_map_loss"})
    set -- "$@" --packaged "$packaged"
  fi
  run_in_container "$@" || status=$?
  if ((status == 10)); then
    # The version is current on disk; TorchServe has to be restarted on it from here.
    status=0
    restart_model_server || status=6
  fi
  if ((status == 1 || status == 6)); then explain_failure "$began"; fi
  exit "$status"
}

# restart_model_server: restart the TorchServe that answers, and wait for its health.
restart_model_server() {
  restart_service "$(answering_service)"
}

# restart_service SERVICE: restart it, and wait for its health.
restart_service() {
  local service=$1 compose=(docker compose)
  if [[ $service == torchserve-green ]]; then compose+=(--profile green); fi
  echo "+ ${compose[*]} restart $service"
  "${compose[@]}" restart "$service"
  echo "+ ${compose[*]} up -d --no-deps --no-build --no-recreate --wait $service"
  "${compose[@]}" up -d --no-deps --no-build --no-recreate --wait "$service"
}
