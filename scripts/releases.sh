#!/usr/bin/env bash
# Show the kept versions and what was done to them; prune.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/releases.sh [list | audit | prune --keep N [--dry-run] | unlock [--force]] [--json] [--native | --docker]

  list     every kept version: size, sha256, when, by whom, note, and which part it plays (the default)
  audit    what was done, by whom, when, how it ended
  prune    remove all but the newest N; never the current or previous version, a canary, a shadow, one of
           an experiment, nor one that is loaded
  unlock   say who holds the lock (exit code 3), or that there is nothing to unlock: the lock of an operation
           that was killed is released at once. --force has no effect any more
  --json   list and audit for programs

Exit codes: 0 done; 1 failed, nothing changed; 2 wrong usage; 3 another operation is at work; 5 nothing
was set up here yet.
EOF
}

mode='' words=0 arguments=(releases)
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --native | --docker) mode=${1#--} ;;
    --json | --dry-run | --force) arguments+=("$1") ;;
    --keep)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      if [[ ! $2 =~ ^[0-9]+$ ]]; then echo "error: --keep $2: a whole number is needed" >&2; exit 2; fi
      arguments+=("$1" "$2")
      shift ;;
    list | audit | prune | unlock)
      if ((words++)); then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      arguments+=("$1") ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

anywhere "${arguments[@]}"
