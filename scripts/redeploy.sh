#!/usr/bin/env bash
# Put new weights live without a dropped request.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh
# shellcheck source=scripts/int8.sh
source scripts/int8.sh
# shellcheck source=scripts/candidate.sh
source scripts/candidate.sh

usage() {
  cat <<EOF
Usage: bash scripts/redeploy.sh NEW_BEST.pt [OPTIONS]

Packages the weights as a new version, loads it beside the running one, waits until its workers are READY, asks it about
the samples, compares its answers with the running version's, makes it current and the default, lets the old version
finish what it has, and unregisters it. Failing at any step leaves the old version answering and nothing behind.

$candidate_options
  --abort-canary       end a canary that is active; without it that is exit code 8

Exit codes: 0 live; 1 failed, the old version answers; 2 wrong usage; 3 another operation is at work; 4 stopped because
the answers drift; 5 no service runs; 6 failed, and nothing answers; 8 a canary or experiment is active; 130 interrupted:
the old version answers, or the new one where it says that this is live already. The way back: bash scripts/rollback.sh
EOF
}

while (($#)); do
  take_candidate_option "$@"
  if ((taken)); then shift "$taken"; continue; fi
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --abort-canary) flags+=("$1") ;;
    -*) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    # Always weights: what is kept already is put live by rollback.sh.
    /*) take_target "$1" ;;
    *) take_target "$caller/$1" ;;
  esac
  shift
done
if [[ -z $target ]]; then
  echo "error: name the weights: bash scripts/redeploy.sh NEW_BEST.pt" >&2
  exit 2
fi
operate redeploy
