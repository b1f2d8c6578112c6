# shellcheck shell=bash
# Sourced: is there a Docker engine to use, and the Compose project up and down.

# Succeed, printing why, when Docker cannot be used here; fail silently when it can.
engine_missing() {
  local version
  if ! command -v docker >/dev/null; then
    echo "not installed"
  elif ! timeout 10 docker info >/dev/null 2>&1; then
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

# Build and start the Compose project, wait for health, show a first detection.
compose_up() {
  local command=(docker compose up -d --build --wait)
  local port
  echo "+ ${command[*]}"
  if ! "${command[@]}"; then
    echo "error: the stack did not become healthy; last lines of its logs:" >&2
    docker compose logs --no-color --tail 25 >&2 || true
    echo "Mend what they say and run the same command again; stop what started: bash scripts/down.sh" >&2
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
  http://localhost:$port/docs               every route, in the browser
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
