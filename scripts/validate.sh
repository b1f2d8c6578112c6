#!/usr/bin/env bash
# Measure the mAP of the running service on a labelled set, as `yolo val` does with the weights.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

read_command_line validate "$@"
# A container next to the gateway reaches no other one.
if [[ -n $url || -n $(env_value GATEWAY_URL) ]]; then where=native; fi
choose_where
if [[ $where == native ]]; then
  "$(find_python)" -m ops.setup.environment >&2
  run_natively validate "$@"
fi
if packager=$(packager_image); then
  folders=$(find_data "$packager" "$@")
  while read -r folder; do mounts+=(--volume "$folder:$folder:ro"); done <<<"$folders"
  mounts+=(--env CALLER_PWD)
fi
run_in_container validate "$@"
