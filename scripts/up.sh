#!/usr/bin/env bash
# Set up everything and start the service: with Docker if an engine answers, else natively.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

# The containers see only the checkout: weights that lie elsewhere are copied into it, unless some are there already.
_fetch_local_weights() {
  local given best=models/weights/best.pt
  given=$(env_value WEIGHTS) || return 1
  if [[ -z $given ]]; then return 0; fi
  if [[ ! -e $best && -e models/weights/yolo.pt ]]; then best=models/weights/yolo.pt; fi
  if [[ -e $best ]]; then
    if [[ ! -f $given ]] || ! cmp -s -- "$given" "$best"; then
      # Not the whole address: it may contain a password or a token.
      [[ $given != *://* ]] || given="${given%%://*}://…"
      echo "note: WEIGHTS=$given is not used, because $best is there already. To serve it, move that file away and run this again"
    fi
    return 0
  fi
  if [[ $given == http://* || $given == https://* ]]; then return 0; fi
  if [[ ! -f $given ]]; then
    echo "error: WEIGHTS=$given: there is no such file. Name one that exists, or remove WEIGHTS from .env and the environment. Nothing was started" >&2
    return 1
  fi
  echo "+ cp $given $best"
  cp -- "$given" "$best"
}

# Nothing is started if another program holds one of the ports. This project's own running containers may hold them.
_require_free_ports() {
  local target port name service taken=0
  while read -r target port; do
    case $target in
      8000) name=GATEWAY_PORT service=api-gateway ;;
      8085) name=INFERENCE_PORT service=torchserve ;;
      8086) name=MANAGEMENT_PORT service=torchserve ;;
      *) continue ;;
    esac
    if docker compose port "$service" "$target" >/dev/null 2>&1; then continue; fi
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "error: port $port is taken by another program; choose another: $name=$((port + 1000)) (in the environment or in .env)" >&2
      taken=1
    fi
  done < <(docker compose config | awk '$1 == "target:" { t = $2 } $1 == "published:" { gsub(/"/, "", $2); print t, $2 }')
  if ((taken)); then
    echo "Nothing was started." >&2
    return 1
  fi
}

# A gateway that refuses its settings would be restarted forever, and `up --wait` would wait forever. It can refuse only
# if it is published, has keys or tokens, or reads models.toml; then it is checked first, and its message goes to standard
# error.
_require_willing_gateway() {
  # shellcheck disable=SC2016 # awk's fields
  local reasons='
    $1 == "PUBLISHED_BIND:" && $2 !~ /^"?127\./ { found = 1 }
    $1 == "PUBLISHED_PROFILES:" && /edge/ { found = 1 }
    $1 == "AUTH:" && tolower($2) != "auto" { found = 1 }
    $1 ~ /^JWT_(JWKS_URL|SECRET_FILE):$/ && $2 != "\"\"" { found = 1 }
    END { exit !found }'
  if [[ ! -e secrets/api_keys.jsonl && ! -e models/models.toml ]] && ! docker compose config | awk "$reasons"; then return 0; fi
  if ! images_are_fixed; then
    echo "+ docker compose build api-gateway"
    docker compose build --quiet api-gateway || return 1
  fi
  if ! docker compose run --rm -T --no-deps api-gateway python -m gateway check </dev/null; then
    echo "error: the gateway would not start; its message stands above. Nothing was started." >&2
    return 1
  fi
}

# Nothing is started if images are to be used as they are and one is not here: Compose would build it.
_require_images() {
  local image missing=0
  while read -r image; do
    if [[ $image != yolo-serving/* ]] || docker image inspect "$image" >/dev/null 2>&1; then continue; fi
    echo "error: there is no image $image, and IMAGE_POLICY=never. Pull it: bash scripts/release_images.sh pull ${image##*:}; or set IMAGE_POLICY=build" >&2
    missing=1
  done < <(docker compose config --images | sort -u)
  if ((missing)); then
    echo "Nothing was started." >&2
    return 1
  fi
}

# Where green answers, start it as it was, whatever the checkout is by now. Blue answers until it does.
_start_green() {
  local image handler command=(docker compose --profile green up -d --no-deps --no-build --no-recreate --wait torchserve-green)
  if ! green_answers; then return 0; fi
  eval "$(run_in_container bluegreen green)" # what it was made from
  echo "+ ${image:+GREEN_IMAGE_TAG=$image }${handler:+GREEN_HANDLER_FROM=$handler }${command[*]}"
  if ! env ${image:+"GREEN_IMAGE_TAG=$image"} ${handler:+"GREEN_HANDLER_FROM=$handler"} "${command[@]}"; then
    echo "warning: green should answer but does not start; blue answers instead. See: bash scripts/bluegreen.sh status" >&2
  fi
}

# Print what identifies the archives in the model store, of which TorchServe loads some when it starts: a new one is a
# new file.
_archive() {
  ls -li serving/torchserve/model-store/*.mar 2>/dev/null || true
}

# With several models: what the packager and TorchServe said of each since the start, and which are served.
_show_models() {
  if ! compgen -G 'models/weights/*.pt' | grep -qvE '/(best|yolo)\.pt$' \
    && ! compgen -G 'serving/torchserve/model-store/models.d/*/' >/dev/null; then return 0; fi
  docker compose --profile green logs --no-color --no-log-prefix --since "$1" model-archiver "$(answering_service)" 2>/dev/null \
    | sed -E 's/^\{.*"message":"(torchserve: skipped model ([^"\\]|\\.)*)".*/\1/; s/\\(["\\])/\1/g' \
    | grep -E ': (not packaged|was removed|.* is not used)|^torchserve: skipped model' || true
  run_in_container models list || true
}

# TorchServe and the gateway read models.toml when they start. A file that was removed shows in the folder's own time. Of
# several containers, a line each, the first one counts.
_new_model_settings() {
  local started
  started=$(docker inspect --format '{{.State.StartedAt}}' "${1%%$'\n'*}" 2>/dev/null) && [[ -n $started ]] || return 1
  [[ -n $(find models -maxdepth 1 \( -name models -o -name models.toml \) -newermt "$started" 2>/dev/null) ]]
}

# Compose leaves a running TorchServe alone when the packager, which it waits for, has made a new archive, or models.toml
# has changed.
_serve_new_archive() {
  local archive=$1 container=$2
  if [[ -z $container ]]; then return 0; fi
  if [[ $(_archive) == "$archive" ]] && ! _new_model_settings "$container"; then return 0; fi
  if [[ $(docker compose --profile green ps -q "$(answering_service)") != "$container" ]]; then return 0; fi
  restart_model_server
}

# Compose leaves a running gateway alone when models.toml, which may set rates, has changed.
_serve_new_rates() {
  local container=$1
  if [[ -z $container ]] || ! _new_model_settings "$container"; then return 0; fi
  if [[ $(docker compose ps -q api-gateway) != "$container" ]]; then return 0; fi
  restart_service api-gateway
}

# Build and start the Compose project, or start it with the images that are there, wait for health, show a first detection. A failed start leaves nothing running.
compose_up() {
  local command=(docker compose up -d --build --wait)
  local port before archive container gateway began
  if images_are_fixed; then
    _require_images || return 1
    command=(docker compose up -d --no-build --wait)
  fi
  _require_free_ports || return 1
  _require_willing_gateway || return 1
  _fetch_local_weights || return 1
  if [[ -n ${MODEL_STORE:-} ]]; then
    echo "note: MODEL_STORE is used natively only; in Compose the archives are in serving/torchserve/model-store"
  fi
  before=$(docker compose ps -q 2>/dev/null)
  archive=$(_archive)
  began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  container=$(docker compose --profile green ps -q "$(answering_service)" 2>/dev/null) || true
  gateway=$(docker compose ps -q api-gateway 2>/dev/null) || true
  echo "+ ${command[*]}"
  if ! "${command[@]}"; then
    docker compose logs --no-color --tail 25 >&2 || true
    echo "error: the stack did not become healthy; Docker's message and the last lines of the services' logs stand above" >&2
    if [[ -z $before ]]; then
      docker compose down >/dev/null 2>&1 || true
      echo "What had started was stopped again. Fix what they report and run the same command again" >&2
    fi
    return 1
  fi
  _start_green
  _serve_new_archive "$archive" "$container" || return 1
  _serve_new_rates "$gateway" || return 1
  port=$(docker compose port api-gateway 8000)
  port=${port##*:}
  if command -v curl >/dev/null; then
    _first_detection "http://localhost:$port/predict" || return 1
  fi
  _show_models "$began"
  cat <<EOF

Up. Try next:
  http://localhost:$port/                   the same with your pictures, in the browser
  http://localhost:$port/docs               every route
  bash scripts/package_mar_docker.sh       after replacing models/weights/best.pt, then: docker compose restart torchserve
  bash scripts/down.sh                     stop everything
EOF
}

# _first_detection URL: send the sample picture and show the answer. A gateway that requires an API key gets the
# operator's; a missing key is reported, and is not a failure.
_first_detection() {
  local command=(curl -sS -F file=@samples/street.jpg "$1") answer key
  key=$(api_key) || return 1
  echo "+ ${command[*]}"
  # The key is passed through a pipe, because every user of the machine can read command lines.
  answer=$("${command[@]}" -H @- -w '\n%{http_code}' <<<"X-API-Key: $key") || return 1
  echo "${answer%$'\n'*}"
  case ${answer##*$'\n'} in
    200) ;;
    401 | 403) echo "The gateway requires an API key: bash scripts/keys.sh add NAME, then send it as X-API-Key (up.sh takes it from YOLO_API_KEY or the file YOLO_API_KEY_FILE)" ;;
    *) return 1 ;;
  esac
}

read_command_line up "$@"
if [[ $where != native ]] && reason=$(engine_missing); then
  if [[ $where == docker ]]; then
    echo "error: $reason. Start or install it, or run: bash scripts/up.sh --native" >&2
    exit 1
  fi
  if [[ -z $where ]]; then echo "Docker: $reason; running natively"; fi
  where=native
fi
hold_service_lock
if [[ $where == native ]]; then
  python=$(find_python)
  echo "Python environment"
  "$python" -m ops.setup.environment
  exec .venv/bin/python -m ops up
fi
name_odd_env_lines
await_operation
compose_up
