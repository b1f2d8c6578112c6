#!/usr/bin/env bash
# Stop the service, however it was started: the native processes and the Compose project.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/down.sh

Stops what up.sh started, natively and in Docker. Requests in flight are finished first. Weights, archives, images and
.venv stay.
EOF
}

case "${1:-}" in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
esac

if [[ -d .run && -x .venv/bin/python ]]; then
  .venv/bin/python -m ops down
fi
if ! engine_missing >/dev/null; then
  compose_down
fi
