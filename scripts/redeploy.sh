#!/usr/bin/env bash
# Put new weights live without a dropped request.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/redeploy.sh NEW_BEST.pt [--version V] [--note TEXT] [--accept-drift] [--dry-run] [--native | --docker]

Packages the weights as a new version, loads it beside the running one, waits until its workers are READY, asks it about
the samples, compares its answers with the running version's, makes it current and the default, lets the old version
finish what it has, and unregisters it. Failing at any step leaves the old version answering and nothing behind.

  --version V      the version to give it (default: the next one)
  --note TEXT      a line kept with the version
  --accept-drift   go on when the task or the classes differ, or nothing is found where the running version finds something
  --dry-run        say what would be done; change nothing
  --native, --docker   where to operate (default: where the service runs)

Exit codes: 0 live; 1 failed, the old version answers; 2 wrong usage; 3 another operation is at work; 4 stopped because
the answers drift; 5 no service runs; 6 failed, and nothing answers; 130 interrupted, the old version answers.
The way back: bash scripts/rollback.sh
EOF
}

weights='' version='' note='' mode='' dry_run=0 flags=()
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --version | --note)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      if [[ $1 == --version ]]; then version=$2; else note=$2; fi
      shift ;;
    --accept-drift) flags+=("$1") ;;
    --dry-run) dry_run=1 ;;
    --native | --docker) mode=${1#--} ;;
    -*) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    *)
      if [[ -n $weights ]]; then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      # The caller's directory is not the root: a relative file is meant from there.
      if [[ $1 == /* ]]; then weights=$1; else weights=$caller/$1; fi ;;
  esac
  shift
done
if [[ -z $weights ]]; then
  echo "error: name the weights: bash scripts/redeploy.sh NEW_BEST.pt" >&2
  exit 2
fi
if [[ ! -f $weights ]]; then
  echo "error: there are no weights at $weights. Nothing changed" >&2
  exit 1
fi

mode=$(choose_mode "$mode")
given=(${version:+--version "$version"} ${flags[@]+"${flags[@]}"})
if [[ $mode == native ]]; then
  if ((dry_run)); then given+=(--dry-run); fi
  native_ops redeploy "$weights" --note "$note" ${given[@]+"${given[@]}"}
  exit
fi

RELEASED_BY=$(released_by)
export RELEASED_BY
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
# Whether it can be done at all is asked before minutes of packaging.
status=0
plan=$(docker_ops redeploy "$weights" ${given[@]+"${given[@]}"} --dry-run) || status=$?
if ((status || dry_run)); then
  printf '%s\n' "$plan"
  exit "$status"
fi
packaging=(--weights "$weights" --keep-only ${version:+--version "$version"} --note "$note")
said=$(bash scripts/package_mar_docker.sh "${packaging[@]}" | tee >(cat >&2))
packaged=$(sed -n 's/^  version  *//p' <<<"$said" | tail -n 1)
docker_ops redeploy "$weights" --packaged "$packaged" --note "$note" ${flags[@]+"${flags[@]}"} || status=$?
if ((status == 1 || status == 6)); then explain "$began"; fi
exit "$status"
