#!/usr/bin/env bash
# Install what the tests need, lint, and run every test that this machine can run.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/test.sh [--require-all] [PYTEST ARGUMENTS]

Lints, then runs the rings unit, gateway, scripts, browser, native and compose. Says which tests could not run and why,
and how long each step took.

  --require-all    a ring that could not run is a failure (CI)

As root on Debian without a Docker engine, the compose ring installs one and stops it afterwards; without a Chromium
the browser ring installs Debian's. Without these two rings:

  bash scripts/test.sh -m "not compose and not browser"

One ring:          bash scripts/test.sh tests/gateway
EOF
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --require-all) export REQUIRE_RINGS=1; shift ;;
esac

steps=()
begin=$SECONDS
# Remember how long the step took that ends here.
ended() {
  steps+=("$(printf '%6d s  %s' $((SECONDS - begin)) "$1")")
  begin=$SECONDS
}

# Where no bytecode is kept, each of the processes that tests start would compile its code again.
unset PYTHONDONTWRITEBYTECODE
python=$(find_python)
"$python" -m ops.setup.environment --test
bin=$PWD/.venv/bin
ended "install"

if ((!$#)); then
  # Environments of other programs take minutes to install; a test that needs one waits for it.
  "$bin/python" -m tests.gateway.peers.environment >/dev/null 2>&1 &
fi

lint() {
  echo "+ $*"
  "$@"
}
lint "$bin/ruff" check .
lint "$bin/ruff" format --check .
lint "$bin/mypy"
lint "$bin/shellcheck" -x scripts/*.sh .ci/run
lint "$bin/hadolint" serving/torchserve/Dockerfile api-gateway/Dockerfile
ended "lint"

if (($#)); then
  exec "$bin/python" -m pytest "$@"
fi

status=0
# Run a ring of tests: ring NAME PYTEST ARGUMENTS.
ring() {
  local name=$1
  shift
  echo "+ pytest $*"
  "$bin/python" -m pytest "$@" || status=1
  ended "$name"
}
# Tests that use one core each run in two processes, each with whole files, in the order of tests/conftest.py: by
# default xdist would begin with the files of most tests, and end with the longest tests.
two=(--numprocesses 2 --dist loadfile --no-loadscope-reorder)
# One call of pytest for each line: ultralytics replaces Pillow's open, and NNCF Python's logger class, for the whole
# process. The packager lives with that; the handler and the gateway never meet them, here as in service.
ring "gateway, scripts, serving, benchmarks" \
  "${two[@]}" tests/gateway tests/scripts tests/unit/serving tests/unit/benchmarks tests/unit/support
ring "yolo, parity" tests/unit/yolo tests/unit/parity
ring "ops" "${two[@]}" tests/unit/ops
ring "browser" "${two[@]}" tests/browser
# The native ring waits for programs that start most of the time. Meanwhile the engine and the images are prepared.
nice "$bin/python" tests/compose/engine.py warm >/dev/null 2>&1 &
warming=$!
trap 'kill "$warming" 2>/dev/null || true' EXIT
ring "native" tests/native
wait "$warming" || true # what it did not prepare, the ring does
trap - EXIT
ring "compose" tests/compose

printf '%s\n' "" "Seconds of each step" "${steps[@]}"
if ((status)); then
  echo "error: a ring failed (above)" >&2
fi
exit "$status"
