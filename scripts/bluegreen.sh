#!/usr/bin/env bash
# Switch to a second server (image, handler, libraries) that was checked next to the one that answers, and back.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line bluegreen "$@"
choose_where
case "$action $where" in
  "up docker" | "deploy docker" | "down docker") ;; # this script starts and stops the containers, see below
  *) operate bluegreen "$@" ;;
esac

# with_settings COMMAND...: run a command with what green is to be made from; blue is always made from the checkout.
with_settings() {
  env ${tag:+"GREEN_IMAGE_TAG=$tag"} ${handler:+"GREEN_HANDLER_FROM=$handler"} "$@"
}

# prepare_image: build the image of $service if that was asked for, or there is none. Touches no container.
prepare_image() {
  local name
  name=$(with_settings docker compose --profile green config --images "$service" | grep '^yolo-serving/torchserve:')
  if [[ -z $build ]] && docker image inspect "$name" >/dev/null 2>&1; then return 0; fi
  if [[ -n $image ]]; then
    echo "error: there is no image $name. Build it: docker build -t $name …, or use --build. Nothing changed" >&2
    return 1
  fi
  echo "+ docker compose build $service"
  with_settings docker compose --profile green build "$service" && return 0
  echo "error: the image could not be built; Docker's message is above. Nothing changed" >&2
  return 1
}

# start_container: start $service anew and wait for its health.
start_container() {
  local command=(docker compose --profile green up -d --no-deps --no-build --force-recreate --wait "$service")
  echo "+ ${tag:+GREEN_IMAGE_TAG=$tag }${handler:+GREEN_HANDLER_FROM=$handler }${command[*]}"
  with_settings "${command[@]}"
}

# still_idle: does the side still not answer? Minutes have passed, and another operation may have switched.
still_idle() {
  [[ $(run_in_container bluegreen idle) == "$idle" ]]
}

# stop_container: stop the container of the side that does not answer.
stop_container() {
  if [[ $idle == green ]]; then
    docker compose --profile green rm --stop --force torchserve-green
  else
    docker compose stop torchserve
  fi
}

began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
status=0
idle=$(run_in_container bluegreen idle) || exit
if [[ $action == down ]]; then
  run_in_container bluegreen "$@" || exit
  if [[ -z $dry_run ]]; then stop_container; fi
  exit
fi

service=torchserve tag=''
if [[ $idle == green ]]; then
  service=torchserve-green tag=$image
fi
# Ask whether it can be done at all before minutes of building.
plan=$(run_in_container bluegreen "$@" --dry-run) || status=$?
if ((status)) || [[ -n $dry_run ]]; then
  [[ -z $plan ]] || printf '%s\n' "$plan"
  exit "$status"
fi
prepare_image || exit
if ! still_idle; then
  echo "error: another operation has made $idle answer in the meantime. Nothing changed" >&2
  exit 3
fi
if ! start_container; then
  status=1
  # The container that was there before was replaced by the one that failed.
  if still_idle; then run_in_container bluegreen down >/dev/null || true; fi
fi
if ((!status)); then run_in_container bluegreen up "${@:2}" || status=$?; fi
if ((status)); then
  explain_failure "$began" "$service"
  if ((status == 3 || status == 8)); then # another operation may need the container
    echo "note: $idle runs and was not checked. Later: bash scripts/bluegreen.sh up, or down" >&2
  elif still_idle; then
    stop_container || true
  fi
  exit "$status"
fi
if [[ $action == deploy ]]; then run_in_container bluegreen switch || exit; fi
