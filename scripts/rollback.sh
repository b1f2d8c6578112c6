#!/usr/bin/env bash
# Put a kept version live again: the previous one, or the one that is named.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/rollback.sh [VERSION] [--abort-canary] [--dry-run] [--native | --docker]

Checks the kept archive's sha256, then puts it live as redeploy.sh does, without a dropped request. Where TorchServe is
down it makes the version current on disk and restarts TorchServe. Without VERSION: the version that was current before.

  --abort-canary       end a canary that is active; without it that is exit code 8
  --dry-run            say what would be done; change nothing
  --native, --docker   where to operate (default: where the service runs)

Exit codes: 0 live; 1 failed, what answered goes on answering; 2 wrong usage; 3 another operation is at work; 5 nothing
was set up here yet; 6 failed, and nothing answers; 7 no such kept version, or its archive is not what was packaged; 8 a
canary or experiment is active; 130 interrupted: see which version answers with releases.sh.
EOF
}

version='' mode='' flags=()
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --dry-run | --abort-canary) flags+=("$1") ;;
    --native | --docker) mode=${1#--} ;;
    *)
      if [[ $1 == -* || -n $version ]]; then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
      version=$1 ;;
  esac
  shift
done

mode=$(choose_mode "$mode")
arguments=(rollback ${version:+"$version"} ${flags[@]+"${flags[@]}"})
if [[ $mode == native ]]; then
  native_ops "${arguments[@]}"
  exit
fi

RELEASED_BY=$(released_by)
export RELEASED_BY
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
status=0
docker_ops "${arguments[@]}" || status=$?
if ((status == 10)); then
  # It is current on disk; starting TorchServe on it is ours to do.
  status=0
  service=torchserve
  if green_answers; then service="torchserve-green" COMPOSE_PROFILES=green; export COMPOSE_PROFILES; fi
  for command in "docker compose restart $service" "docker compose up -d --no-deps --no-build --no-recreate --wait $service"; do
    echo "+ $command"
    $command || status=6
  done
fi
if ((status == 1 || status == 6)); then explain "$began"; fi
exit "$status"
