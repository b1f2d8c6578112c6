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
# What it may know of the caller's variables: the gateway and its key, the terminal, and how to reach the network.
while read -r name; do
  case $name in
    PATH | HOME | USER | LOGNAME | LANG | LANGUAGE | LC_* | TZ | TMPDIR | LD_LIBRARY_PATH | CALLER_PWD) ;;
    TERM | COLUMNS | LINES | COLORTERM | NO_COLOR | FORCE_COLOR | TTY_*) ;;
    YOLO_API_KEY | YOLO_API_KEY_FILE | GATEWAY_URL | BIND | *_PORT) ;;
    SSL_CERT_FILE | SSL_CERT_DIR | HTTP_PROXY | HTTPS_PROXY | ALL_PROXY | NO_PROXY) ;;
    http_proxy | https_proxy | all_proxy | no_proxy | PYTHONUNBUFFERED | PYTHONDONTWRITEBYTECODE) ;;
    *) export -n "${name?}" ;;
  esac
done < <(compgen -e)
# The directory stays the caller's, where relative paths start; -P, so that nothing in it is imported.
PYTHONPATH=$root exec "$python" -P -m ops predict "$@"
