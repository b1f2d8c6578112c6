#!/usr/bin/env bash
# Send a share of the requests to a new version: more and more until it serves, or none again.
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
Usage: bash scripts/canary.sh start NEW.pt|VERSION --percent P [OPTIONS]
       bash scripts/canary.sh start NEW.pt|VERSION --auto [BOUNDS] [OPTIONS]
       bash scripts/canary.sh set P | promote | abort [--keep] | auto [BOUNDS] | status [--json]

  start    package the weights (or take a kept version), load it beside the running one, check it as redeploy.sh does,
           and send it P percent of the requests; who sends an X-Client-Key stays with one version
  set      another share
  promote  send it everything, make it current and the default, drain and unregister the old version
  abort    send everything to the stable version, drain and unregister the canary, and remove its archive if it was
           packaged for this; --keep keeps it
  auto     go up step by step while the canary is as good as the stable version, take it back when it is not;
           killed, the same command goes on where it was
  status   what each version did, at each gateway

BOUNDS
  --steps 5,25,50,100    rising percentages; 100 promotes
  --max-errors 1         percentage points of failed requests more than the stable version's
  --max-p95 1.5          times the stable version's 95th percentile
  --max-detections 25    percent more or fewer detections on average
  --min-requests 100     of each version, before a step is judged
  --hold 60              seconds that a step lasts at least
  --deadline 3600        seconds after which a step that cannot be judged ends in an abort

OPTIONS
$candidate_options
  --key-salt TEXT      the same salt puts the same clients into the canary (default: random)
  --gateway URL        whose numbers count, for auto and status; repeat it where there are several

Exit codes: 0 done; 1 failed, nothing changed; 2 wrong usage; 3 another operation is at work; 4 stopped because the
answers drift; 5 no service runs; 6 failed, and nothing answers; 7 no such kept version; 8 no canary is active, or one or
an experiment is already; 9 auto took the canary back; 130 interrupted.
EOF
}

what=${1:-}
case "$what" in
  -h | --help) usage; exit 0 ;;
  start | set | promote | abort | auto | status) shift ;;
  "") usage >&2; exit 2 ;;
  *) echo "error: unknown argument: $what" >&2; usage >&2; exit 2 ;;
esac
percent=''
while (($#)); do
  case "$what $1" in
    *" -h" | *" --help") usage; exit 0 ;;
    *" --native" | *" --docker") mode=${1#--} ;;
    "abort --keep" | "status --json") flags+=("$1") ;;
    "set --dry-run" | "promote --dry-run" | "abort --dry-run") flags+=("$1") ;;
    "start --auto") flags+=("$1") ;;
    "start --percent" | "start --key-salt" | "start --gateway" | "auto --gateway" | "status --gateway" | \
      "start --steps" | "start --max-errors" | "start --max-p95" | "start --max-detections" | \
      "start --min-requests" | "start --hold" | "start --deadline" | \
      "auto --steps" | "auto --max-errors" | "auto --max-p95" | "auto --max-detections" | \
      "auto --min-requests" | "auto --hold" | "auto --deadline")
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      flags+=("$1" "$2")
      shift ;;
    "start -"*)
      take_candidate_option "$@"
      if ((!taken)); then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      shift "$((taken - 1))" ;;
    "start "*) take_target "$1" ;;
    "set "[0-9]*)
      if [[ -n $percent ]]; then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      percent=$1 ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

if [[ $what == start ]]; then
  if [[ -z $target ]]; then echo "error: name the weights: bash scripts/canary.sh start NEW.pt --percent 10" >&2; exit 2; fi
  operate canary start
fi
if [[ $what == set && -z $percent ]]; then echo "error: set needs a percentage: bash scripts/canary.sh set 50" >&2; exit 2; fi
anywhere canary "$what" ${percent:+"$percent"} ${flags[@]+"${flags[@]}"}
