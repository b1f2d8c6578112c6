# shellcheck shell=bash
# Sourced: is there a Docker engine to use, and the Compose project up and down.

# Succeed, printing why, when Docker cannot be used here; fail silently when it can.
engine_missing() {
  local version
  if ! command -v docker >/dev/null; then
    echo "not installed"
  elif ! _within 10 docker info >/dev/null 2>&1; then
    echo "no engine answers (docker info)"
  elif ! version=$(docker compose version --short 2>/dev/null); then
    echo "the Compose plugin is missing (docker compose version)"
  # `include:` in docker-compose.yml came with 2.20.
  elif [[ $(printf '%s\n2.20\n' "${version#v}" | sort -V | head -n 1) != 2.20 ]]; then
    echo "Compose $version is too old, 2.20 is needed"
  else
    return 1
  fi
}

# _within SECONDS COMMAND...: give up on a command after some seconds, where this machine has the tool for it.
_within() {
  if command -v timeout >/dev/null; then timeout "$@"; else "${@:2}"; fi
}

# The containers see only the checkout: weights that lie elsewhere are copied into it, unless some are there already.
_fetch_local_weights() {
  local given=${WEIGHTS:-}
  if [[ -z $given && -f .env ]]; then given=$(sed -n 's/^WEIGHTS=//p' .env | tail -n 1); fi
  if [[ -z $given || $given == http://* || $given == https://* || -e models/weights/best.pt ]]; then return 0; fi
  if [[ ! -f $given ]]; then
    echo "error: WEIGHTS=$given: there is no such file. Nothing was started" >&2
    return 1
  fi
  echo "+ cp $given models/weights/best.pt"
  cp -- "$given" models/weights/best.pt
}

# Nothing is started when somebody else holds a port of ours; what already runs of this project may hold its own.
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
    # Somebody answers there.
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

# A gateway that refuses its settings would be restarted for ever, and `up --wait` would wait as long. Where it is
# published, or has keys or tokens, it has reasons to, and is asked first; its message goes to standard error.
_require_willing_gateway() {
  # shellcheck disable=SC2016 # awk's fields
  local reasons='
    $1 == "PUBLISHED_BIND:" && $2 !~ /^"?127\./ { found = 1 }
    $1 == "PUBLISHED_PROFILES:" && /edge/ { found = 1 }
    $1 == "AUTH:" && $2 != "auto" { found = 1 }
    $1 ~ /^JWT_(JWKS_URL|SECRET_FILE):$/ && $2 != "\"\"" { found = 1 }
    END { exit !found }'
  if [[ ! -e secrets/api_keys.jsonl ]] && ! docker compose config | awk "$reasons"; then return 0; fi
  echo "+ docker compose build api-gateway"
  docker compose build --quiet api-gateway || return 1
  if ! docker compose run --rm -T --no-deps api-gateway python -m gateway check </dev/null; then
    echo "error: the gateway would not start; its message stands above. Nothing was started." >&2
    return 1
  fi
}

# green_answers: does routing.json send requests to the second server of a blue/green switch?
green_answers() {
  grep -qs '"server": *"green"' serving/torchserve/model-store/routing/routing.json
}

# _recorded_of_green NAME: what green is made of. Blue's record holds no such names, and Python may not be there.
_recorded_of_green() {
  sed -n "s/^ *\"$1\": \"\([A-Za-z0-9_.-]*\)\".*/\1/p" serving/torchserve/model-store/bluegreen.json 2>/dev/null || true
}

# Where green answers, it is started as it was, whatever the checkout is by now. Blue answers until it does.
_green_too() {
  local tag handler command=(docker compose --profile green up -d --no-deps --no-build --no-recreate --wait torchserve-green)
  if ! green_answers; then return 0; fi
  tag=$(_recorded_of_green image)
  handler=$(_recorded_of_green handler)
  echo "+ ${tag:+GREEN_IMAGE_TAG=$tag }${handler:+GREEN_HANDLER_FROM=$handler }${command[*]}"
  if ! env ${tag:+"GREEN_IMAGE_TAG=$tag"} ${handler:+"GREEN_HANDLER_FROM=$handler"} "${command[@]}"; then
    echo "warning: green should answer and does not come up; blue answers in its place. See: bash scripts/bluegreen.sh status" >&2
  fi
}

# Build and start the Compose project, wait for health, show a first detection. A failed start leaves nothing running.
compose_up() {
  local command=(docker compose up -d --build --wait)
  local port before
  _require_free_ports || return 1
  _require_willing_gateway || return 1
  _fetch_local_weights || return 1
  before=$(docker compose ps -q 2>/dev/null)
  echo "+ ${command[*]}"
  if ! "${command[@]}"; then
    docker compose logs --no-color --tail 25 >&2 || true
    echo "error: the stack did not become healthy; Docker's message and the last lines of the services' logs stand above" >&2
    if [[ -z $before ]]; then
      docker compose down >/dev/null 2>&1 || true
      echo "What had started was stopped again. Mend what they say and run the same command again" >&2
    fi
    return 1
  fi
  _green_too
  port=$(docker compose port api-gateway 8000)
  port=${port##*:}
  if command -v curl >/dev/null; then
    _first_detection "http://localhost:$port/predict" || return 1
  fi
  cat <<EOF

Up. Try next:
  http://localhost:$port/                   the same with your pictures, in the browser
  http://localhost:$port/docs               every route
  bash scripts/package_mar_docker.sh       after replacing models/weights/best.pt, then: docker compose restart torchserve
  bash scripts/down.sh                     stop everything
EOF
}

# api_key: the key to show to a gateway that asks for one: what is in the file YOLO_API_KEY_FILE, or YOLO_API_KEY.
api_key() {
  if [[ -z ${YOLO_API_KEY_FILE:-} ]]; then
    printf '%s' "${YOLO_API_KEY:-}"
  elif ! cat -- "$YOLO_API_KEY_FILE" 2>/dev/null; then
    echo "error: YOLO_API_KEY_FILE=$YOLO_API_KEY_FILE cannot be read" >&2
    return 1
  fi
}

# _first_detection URL: ask for the sample picture and show the answer. A gateway that asks for an API key gets ours;
# without one, that is said, and is no failure.
_first_detection() {
  local command=(curl -sS -F file=@samples/street.jpg "$1") answer key
  key=$(api_key) || return 1
  echo "+ ${command[*]}"
  # The key goes in by a pipe: command lines can be read by everybody on the machine.
  answer=$("${command[@]}" -H @- -w '\n%{http_code}' <<<"X-API-Key: $key") || return 1
  echo "${answer%$'\n'*}"
  case ${answer##*$'\n'} in
    200) ;;
    401 | 403) echo "The gateway asks for an API key: bash scripts/keys.sh add NAME, then send it as X-API-Key (up.sh takes it from YOLO_API_KEY or the file YOLO_API_KEY_FILE)" ;;
    *) return 1 ;;
  esac
}

# Stop the Compose project when anything of it is there, whatever profiles it was started with: Compose leaves what is in
# a profile that is not named alone, and then cannot remove the networks it is on.
compose_down() {
  local profile compose=(docker compose)
  while read -r profile; do compose+=(--profile "$profile"); done < <(docker compose config --profiles 2>/dev/null)
  if [[ -z $("${compose[@]}" ps -aq 2>/dev/null) ]]; then return 0; fi
  # First who asks, then who answers; of green Compose does not know that the gateway asks it.
  if green_answers; then docker compose stop api-gateway; fi
  "${compose[@]}" down
}
