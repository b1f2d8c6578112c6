#!/usr/bin/env bash
# Race this stack against other ways to serve the same weights, on this machine, in one run.
set -Eeuo pipefail
# Paths on the command line are relative to the caller's directory.
export CALLER_PWD=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh
python=$(find_python)

# Check the command line before minutes of installing.
"$python" -m benchmarks.options "$@"
for argument; do
  case $argument in -h | --help) exit 0 ;; esac
done
echo "Environments"
"$python" -m ops.setup.environment
"$python" -m benchmarks.servers.environments
exec benchmarks/.venvs/tools/bin/python -m benchmarks "$@"
