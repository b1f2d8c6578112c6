#!/usr/bin/env bash
# Set up everything and start the service: with Docker when an engine answers, else natively.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh
# shellcheck source=scripts/engine.sh
source scripts/engine.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/up.sh [--native | --docker]

Sets up what is missing (weights, archive, sample pictures; natively also .venv and Java), starts TorchServe and the
gateway, waits until a worker is READY and prints the detections of samples/street.jpg. Safe to run again.

  --native   no Docker, even when an engine answers
  --docker   Docker, or fail

Settings: the environment or .env, see .env.example. Own weights: models/weights/best.pt, or WEIGHTS=PATH_OR_URL.
EOF
}

mode=auto
while (($#)); do
  case "$1" in
    --native) mode=native ;;
    --docker) mode=docker ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

if [[ $mode == auto ]]; then
  if reason=$(engine_missing); then
    mode=native
    echo "Docker: $reason; running natively"
  else
    mode=docker
  fi
elif [[ $mode == docker ]] && reason=$(engine_missing); then
  echo "error: $reason. Start or install it, or run: bash scripts/up.sh --native" >&2
  exit 1
fi

if [[ $mode == docker ]]; then
  compose_up
else
  python=$(find_python)
  echo "Python environment"
  "$python" -m ops.setup.environment
  exec .venv/bin/python -m ops up
fi
