#!/usr/bin/env bash
# Serve kept versions side by side, each with its share of the requests.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/experiment.sh start NAME --share VERSION=PERCENT [--share …] [--note TEXT] [--accept-drift]
                                  [--key-salt TEXT] [--dry-run]
       bash scripts/experiment.sh stop [--dry-run] | status [--json] [--gateway URL …]

  start    load the kept versions beside the running one, check them, and send each its share; the rest stays with the
           version that serves, which may be given a share as well. Every answer says which version made it
  stop     send everything to the version that serves, drain and unregister the others; they stay kept
  status   what each version did, at each gateway

  --key-salt TEXT      the same salt puts the same clients (X-Client-Key) into the same shares (default: random)
  --native, --docker   where to operate (default: where the service runs)

Exit codes: 0 done; 1 failed, nothing changed; 2 wrong usage; 3 another operation is at work; 4 stopped because the
answers drift; 5 no service runs; 6 failed, and nothing answers; 7 no such kept version; 8 no experiment is active, or one
or a canary is already.
EOF
}

what=${1:-}
case "$what" in
  -h | --help) usage; exit 0 ;;
  start | stop | status) shift ;;
  "") usage >&2; exit 2 ;;
  *) echo "error: unknown argument: $what" >&2; usage >&2; exit 2 ;;
esac
mode='' arguments=()
while (($#)); do
  case "$what $1" in
    *" -h" | *" --help") usage; exit 0 ;;
    *" --native" | *" --docker") mode=${1#--} ;;
    "start --dry-run" | "stop --dry-run" | "start --accept-drift" | "status --json") arguments+=("$1") ;;
    "start --share" | "start --note" | "start --key-salt" | "status --gateway")
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      arguments+=("$1" "$2")
      shift ;;
    "start "[!-]*) arguments+=("$1") ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
anywhere experiment "$what" ${arguments[@]+"${arguments[@]}"}
