#!/usr/bin/env bash
# Race this stack against other ways to serve the same weights, on this machine, in one run.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh

usage() {
  "$python" -m benchmarks.options --help
}

python=$(find_python)
arguments=()
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --weights | --pictures)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      value=$2
      # The caller's directory is not the root: a relative path is meant from there.
      if [[ $value != /* ]]; then value=$caller/$value; fi
      arguments+=("$1" "$value")
      shift ;;
    --int8)
      arguments+=("$1")
      if (($# > 1)) && [[ $2 != -* ]]; then
        value=$2
        if [[ $value != /* && $value != auto ]]; then value=$caller/$value; fi
        arguments+=("$value")
        shift
      fi ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

# The command line is checked before minutes of installing.
"$python" -m benchmarks.options "${arguments[@]}"
echo "Environments"
"$python" -m ops.setup.environment
"$python" -m benchmarks.servers.environments
exec benchmarks/.venvs/tools/bin/python -m benchmarks "${arguments[@]}"
