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

# Build and start the Compose project, wait for health, show a first detection. A failed start leaves nothing running.
compose_up() {
  local command=(docker compose up -d --build --wait)
  local port before
  _require_free_ports || return 1
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
  port=$(docker compose port api-gateway 8000)
  port=${port##*:}
  if command -v curl >/dev/null; then
    command=(curl -fsS -F file=@samples/street.jpg "http://localhost:$port/predict")
    echo "+ ${command[*]}"
    "${command[@]}"
    echo
  fi
  cat <<EOF

Up. Try next:
  http://localhost:$port/                   the same with your pictures, in the browser
  http://localhost:$port/docs               every route
  bash scripts/package_mar_docker.sh       after replacing models/weights/best.pt, then: docker compose restart torchserve
  bash scripts/down.sh                     stop everything
EOF
}

# Stop the Compose project when anything of it is there.
compose_down() {
  if [[ -n $(docker compose ps -aq 2>/dev/null) ]]; then
    docker compose down
  fi
}
