#!/usr/bin/env bash
# Ask a version what clients ask, after they have their answer, and count how its answers differ.
set -Eeuo pipefail
# shellcheck disable=SC2034 # read by candidate.sh
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
Usage: bash scripts/shadow.sh start NEW.pt|VERSION --percent P [OPTIONS]
       bash scripts/shadow.sh stop [--remove] [--dry-run] | status [--json] [--gateway URL …]

  start    package the weights (or take a kept version), load it beside the running one, check it, and mirror P percent
           of the requests to it; its answers reach nobody and slow nobody
  stop     mirror nothing any more, and unregister it; --remove also removes its archive, if it was packaged for this
  status   how many boxes are missing, extra and moved, at each gateway

OPTIONS
$candidate_options

Exit codes: 0 done; 1 failed, nothing changed; 2 wrong usage; 3 another operation is at work; 4 stopped because the
answers drift; 5 no service runs; 6 failed, and nothing answers; 7 no such kept version; 8 no shadow is active, or one is
already.
EOF
}

what=${1:-}
case "$what" in
  -h | --help) usage; exit 0 ;;
  start | stop | status) shift ;;
  "") usage >&2; exit 2 ;;
  *) echo "error: unknown argument: $what" >&2; usage >&2; exit 2 ;;
esac
while (($#)); do
  case "$what $1" in
    *" -h" | *" --help") usage; exit 0 ;;
    *" --native" | *" --docker") mode=${1#--} ;;
    "stop --remove" | "stop --dry-run" | "status --json") flags+=("$1") ;;
    "start --percent" | "status --gateway")
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      flags+=("$1" "$2")
      shift ;;
    "start -"*)
      take_candidate_option "$@"
      if ((!taken)); then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      shift "$((taken - 1))" ;;
    "start "*) take_target "$1" ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

if [[ $what == start ]]; then
  if [[ -z $target ]]; then echo "error: name the weights: bash scripts/shadow.sh start NEW.pt --percent 20" >&2; exit 2; fi
  operate shadow start
fi
anywhere shadow "$what" ${flags[@]+"${flags[@]}"}
