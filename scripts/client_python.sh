# shellcheck shell=bash
# Sourced by the scripts that are clients of the gateway. They need neither torch nor Docker, so they run on any machine.

# use_client_python ROOT MODULE...: set `python` to the project's own environment if it has the modules, else to a small
# one that is made on first use.
use_client_python() {
  local root=$1 needed made_with
  shift
  needed="import $(IFS=,; printf '%s' "$*")"
  python=$root/.venv/bin/python
  if "$python" -P -c "$needed" 2>/dev/null; then return 0; fi
  python=$root/.run/predict-venv/bin/python
  if "$python" -P -c "$needed" 2>/dev/null; then return 0; fi
  made_with=$(find_python) || return
  echo "First use: installing httpx and rich into .run/predict-venv" >&2
  "$made_with" -m venv --clear "$root/.run/predict-venv"
  "$python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$root/ops/requirements-predict.txt" --constraint "$root/constraints.txt" >&2
}

# keep_client_environment: hide the caller's variables, but for those of the gateway and its key, the terminal, and how to
# reach the network.
keep_client_environment() {
  local name
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
}
