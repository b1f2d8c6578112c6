#!/usr/bin/env bash
# Install what the tests need, lint, and run every test that this machine can run.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/test.sh [--require-all] [PYTEST ARGUMENTS]

Lints, then runs the rings unit, gateway, scripts, browser, native and compose, and says which could not run and why.

  --require-all    a ring that could not run is a failure (CI)

As root on Debian without a Docker engine, the compose ring installs one for itself and stops it afterwards, and
without a Chromium the browser ring installs Debian's;
without them:      bash scripts/test.sh -m "not compose and not browser"
One ring:          bash scripts/test.sh tests/gateway
EOF
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --require-all) export REQUIRE_RINGS=1; shift ;;
esac

python=$(find_python)
"$python" -m ops.setup.environment --test
bin=$PWD/.venv/bin

lint() {
  echo "+ $*"
  "$@"
}
lint "$bin/ruff" check .
lint "$bin/ruff" format --check .
lint "$bin/mypy"
lint "$bin/shellcheck" -x scripts/*.sh .ci/run
lint "$bin/hadolint" serving/torchserve/Dockerfile api-gateway/Dockerfile

if (($#)); then
  exec "$bin/python" -m pytest "$@"
fi

# A process for each: ultralytics replaces Pillow's open, and NNCF Python's logger class, for the whole process. The
# packager lives with that; the handler and the gateway never meet them, here as in service.
status=0
run() {
  echo "+ pytest $*"
  "$bin/python" -m pytest "$@" || status=1
}
run tests/gateway tests/scripts tests/unit/serving tests/unit/benchmarks tests/unit/support
run tests/unit/yolo tests/unit/parity
run tests/unit/ops
run tests/browser
run tests/native
run tests/compose
if ((status)); then
  echo "error: a ring failed (above)" >&2
fi
exit "$status"
