#!/usr/bin/env bash
# Detect in files, folders, patterns and addresses; write JSON lines, CSV, COCO, YOLO or pictures.
set -Eeuo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/python.sh
source "$root/scripts/python.sh"

# The project's own environment if it has the packages, else a small one made on first use: a machine that only sends
# pictures needs neither torch nor Docker.
needed='import dotenv, httpx, rich'
python=$root/.venv/bin/python
if ! "$python" -P -c "$needed" 2>/dev/null; then
  python=$root/.run/predict-venv/bin/python
  if ! "$python" -P -c "$needed" 2>/dev/null; then
    made_with=$(find_python)
    echo "First use: installing httpx and rich into .run/predict-venv" >&2
    "$made_with" -m venv --clear "$root/.run/predict-venv"
    "$python" -m pip install --quiet --disable-pip-version-check \
      --requirement "$root/ops/requirements-predict.txt" --constraint "$root/constraints.txt" >&2
  fi
fi
# The directory stays the caller's, where relative paths start; -P, so that nothing in it is imported.
PYTHONPATH=$root exec "$python" -P -m ops predict "$@"
