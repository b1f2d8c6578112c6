# shellcheck shell=bash
# Sourced: can Docker be used here, which server of the Compose project answers, and the API key.

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

# green_answers: does routing.json send requests to the second server of a blue/green switch?
green_answers() {
  grep -qs '"server": *"green"' serving/torchserve/model-store/routing/routing.json
}

# answering_service: print the Compose service of the TorchServe that answers.
answering_service() {
  if green_answers; then echo torchserve-green; else echo torchserve; fi
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
