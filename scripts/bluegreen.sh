#!/usr/bin/env bash
# A whole second server (image, handler, libraries) beside the one that answers: checked, switched to, and the way back.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/where.sh
source scripts/where.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/bluegreen.sh up|deploy [--image TAG | --build] [--serving DIR] [--venv DIR] [OPTIONS]
       bash scripts/bluegreen.sh switch [--accept-drift] | back | down | status [--json]

Blue is the checkout's own TorchServe, green the other one; either may answer. Both load the same model store.

  up      start the one that does not answer, wait until its workers are READY, ask both about the samples and compare;
          nobody is sent to it. What fails or drifts is stopped again
  switch  the same check again; then the gateways send everything to it. The other one finishes what it has and is kept
  deploy  up, then switch
  back    the one of before answers again: seconds, as it was kept running
  down    stop the one that does not answer

OF WHAT (green alone; blue is always the checkout)
  --image TAG          in Compose: the image yolo-serving/torchserve:TAG, which is there (default: GREEN_IMAGE_TAG, built
                       when it is not there)
  --build              in Compose: build it of the checkout as it is now; also for blue
  --serving DIR        natively: the folder with its entrypoint.py, handler and yolo/ (default: the checkout's)
  --venv DIR           natively: the virtual environment with its libraries (default: the checkout's)
  --handler WHOSE      image (its own; the default) or archive (the one packaged with the weights)

OPTIONS
  --note TEXT          a line kept in the trail
  --accept-drift       go on when the task or the classes differ, or nothing is found where the other one finds something
  --dry-run            say what would be done; change nothing
  --native, --docker   where to operate (default: where the service runs)

Exit codes: 0 done; 1 failed, what answered goes on answering; 2 wrong usage; 3 another operation is at work; 4 stopped
because the answers drift; 5 no service runs; 6 failed, and nothing answers; 8 a canary, experiment or shadow is active, or
there is nothing to switch to, or back to; 130 interrupted, what answered goes on answering.
EOF
}

what=${1:-}
case "$what" in
  -h | --help) usage; exit 0 ;;
  up | deploy | switch | back | down | status) shift ;;
  "") usage >&2; exit 2 ;;
  *) echo "error: unknown argument: $what" >&2; usage >&2; exit 2 ;;
esac
mode='' image='' build='' handler='' dry_run='' flags=()
while (($#)); do
  word=$1
  case "$what $word" in
    "up --"* | "deploy --"*) form="start $word" ;;
    *) form="$what $word" ;;
  esac
  case "$form" in
    *" -h" | *" --help") usage; exit 0 ;;
    *" --native" | *" --docker") mode=${word#--} ;;
    "status --json" | "start --accept-drift" | "switch --accept-drift") flags+=("$word") ;;
    "start --dry-run" | "switch --dry-run" | "back --dry-run" | "down --dry-run") dry_run=yes ;;
    "start --build") build=yes ;;
    "start --image" | "start --serving" | "start --venv" | "start --handler" | "start --note")
      if (($# < 2)); then echo "error: $word needs a value" >&2; exit 2; fi
      case "$word" in
        --image) image=$2 ;;
        --handler) handler=$2 flags+=("$word" "$2") ;;
        --note) flags+=("$word" "$2") ;;
        # The caller's directory is not the root: a relative folder is meant from there.
        *) if [[ $2 == /* ]]; then flags+=("$word" "$2"); else flags+=("$word" "$caller/$2"); fi ;;
      esac
      shift ;;
    *) echo "error: unknown argument: $word" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
if [[ -n $image && -n $build ]]; then echo "error: --image names one that is there, --build makes one: either" >&2; exit 2; fi
if [[ -n $image && ! $image =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]]; then echo "error: --image $image is no tag" >&2; exit 2; fi

# with_settings COMMAND...: a command with what the side that comes up is made of; blue is the checkout's affair.
with_settings() {
  env ${tag:+"GREEN_IMAGE_TAG=$tag"} ${handler:+"GREEN_HANDLER_FROM=$handler"} "$@"
}

# prepare_image SERVICE: build its image where that is asked for or there is none. No container is touched.
prepare_image() {
  local service=$1 name
  name=$(with_settings docker compose --profile green config --images "$service" | grep '^yolo-serving/torchserve:')
  if [[ -z $build ]] && docker image inspect "$name" >/dev/null 2>&1; then return 0; fi
  if [[ -n $image ]]; then
    echo "error: there is no image $name. Build it: docker build -t $name …, or use --build. Nothing changed" >&2
    return 1
  fi
  echo "+ docker compose build $service"
  with_settings docker compose --profile green build "$service" && return 0
  echo "error: the image could not be built; Docker's message stands above. Nothing changed" >&2
  return 1
}

# start_container SERVICE: start it anew and wait for its health.
start_container() {
  local command=(docker compose --profile green up -d --no-deps --no-build --force-recreate --wait "$1")
  echo "+ ${tag:+GREEN_IMAGE_TAG=$tag }${handler:+GREEN_HANDLER_FROM=$handler }${command[*]}"
  with_settings "${command[@]}"
}

# still_idle SIDE: does it still not answer? Minutes may have passed since that was asked, and somebody may have switched.
still_idle() {
  [[ $(docker_ops bluegreen idle) == "$1" ]]
}

# stop_container SIDE: stop the container of a side that does not answer.
stop_container() {
  if [[ $1 == green ]]; then
    docker compose --profile green rm --stop --force torchserve-green
  else
    docker compose stop torchserve
  fi
}

mode=$(choose_mode "$mode")
case "$what $mode" in
  "up native" | "deploy native")
    if [[ -n $build ]]; then echo "error: --build is for Compose; natively: --serving DIR and --venv DIR" >&2; exit 2; fi
    anywhere bluegreen "$what" ${image:+--image "$image"} ${flags[@]+"${flags[@]}"} ${dry_run:+--dry-run} ;;
  "up docker" | "deploy docker" | "down docker") ;; # below
  *) anywhere bluegreen "$what" ${flags[@]+"${flags[@]}"} ${dry_run:+--dry-run} ;;
esac

# In Compose the containers are ours to start and stop, and the rest is done in one beside them.
RELEASED_BY=$(released_by)
export RELEASED_BY
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
status=0
idle=$(docker_ops bluegreen idle) || exit
if [[ $what == down ]]; then
  docker_ops bluegreen down ${dry_run:+--dry-run} || exit
  if [[ -n $dry_run ]]; then exit; fi
  stop_container "$idle"
  exit
fi

# What blue is made of is the checkout's affair, and IMAGE_TAG's.
service=torchserve tag=''
if [[ $idle == green ]]; then
  service=torchserve-green
  tag=$image
fi
asked=(${image:+--image "$image"} ${flags[@]+"${flags[@]}"})
# Whether it can be done at all is asked before minutes of building.
plan=$(docker_ops bluegreen "$what" ${asked[@]+"${asked[@]}"} --dry-run) || status=$?
if ((status)) || [[ -n $dry_run ]]; then
  [[ -z $plan ]] || printf '%s\n' "$plan"
  exit "$status"
fi
prepare_image "$service" || exit
if ! still_idle "$idle"; then
  echo "error: another operation has let $idle answer meanwhile. Nothing changed" >&2
  exit 3
fi
if ! start_container "$service"; then
  status=1
  # What stood there before was replaced by what failed.
  if still_idle "$idle"; then docker_ops bluegreen down >/dev/null || true; fi
fi
if ((!status)); then docker_ops bluegreen up ${asked[@]+"${asked[@]}"} || status=$?; fi
if ((status)); then
  explain "$began" "$service"
  if ((status == 3 || status == 8)); then # what is at work, or began meanwhile, may need the container
    echo "note: $idle runs and was not checked. Later: bash scripts/bluegreen.sh up, or down" >&2
  elif still_idle "$idle"; then
    stop_container "$idle" || true
  fi
  exit "$status"
fi
if [[ $what == deploy ]]; then docker_ops bluegreen switch || exit; fi
