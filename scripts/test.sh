#!/usr/bin/env bash
# Install what the tests need, lint, and run every test that this machine can run.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/test.sh [--require-all] [--lint | --ring NAME… | PYTEST ARGUMENTS]

Lints, and runs the rings unit, gateway, scripts, browser, native and compose, several of them at the same time. Says
which tests could not run and why, and how long each step took.

  --require-all    a ring that could not run is a failure (CI)
  --lint           lint and run no test
  --ring NAME      a step of the whole run alone, as CI does on a machine for each: gateway, native, browser, lint,
                   yolo, ops or compose (may be repeated)

As root on Debian without a Docker engine, the compose ring installs one and stops it afterwards; without a Chromium
the browser ring installs Debian's. Without these two rings, one test after the other:

  bash scripts/test.sh -m "not compose and not browser"

Some tests:        bash scripts/test.sh tests/gateway
EOF
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --require-all) export REQUIRE_RINGS=1; shift ;;
esac

# Where no bytecode is kept, each of the processes that tests start would compile its code again.
unset PYTHONDONTWRITEBYTECODE
python=$(find_python)
if ((!$#)) || [[ $1 == --ring* ]]; then
  exec "$python" -m tests.suite "$@"
fi
"$python" -m ops.setup.environment --test
bin=$PWD/.venv/bin

lint() {
  echo "+ $*"
  "$@"
}
lint "$bin/ruff" check .
lint "$bin/ruff" format --check .
lint "$bin/mypy"
lint "$bin/shellcheck" -x scripts/*.sh .ci/run deploy/terraform/*/*.sh
if command -v terraform >/dev/null; then lint terraform fmt -check -recursive deploy/terraform; fi
lint "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
lint "$bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
lint "$bin/zizmor" --offline --quiet --persona pedantic .github
lint "$bin/hadolint" serving/torchserve/Dockerfile api-gateway/Dockerfile deploy/swarm/Dockerfile
if [[ $1 != --lint ]]; then
  exec "$bin/python" -m pytest "$@"
fi
