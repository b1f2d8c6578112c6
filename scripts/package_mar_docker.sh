#!/usr/bin/env bash
# Package weights into yolo.mar in a container, as a new version; nothing is installed on this machine.
set -Eeuo pipefail
# shellcheck source=scripts/ops.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/ops.sh"

fail() {
  printf 'error: %s\nNothing was changed.\n' "$1" >&2
  exit 1
}

# build_packager: build the image of the packager; where int8 is wanted, the one that can quantize.
build_packager() {
  if [[ $service == model-archiver ]] && images_are_fixed && packager_image >/dev/null; then return 0; fi
  echo "+ ${compose[*]} build $service"
  "${compose[@]}" build "$service" || fail "the image of the packager could not be built; Docker's message is above"
}

# bind_mount TARGET SOURCE [OPTION]: one --mount value. Docker reads it as CSV, and a file name may hold a comma or a quote.
bind_mount() {
  local source=\"source=${2//\"/\"\"}\" target=\"target=${1//\"/\"\"}\"
  printf 'type=bind,%s,%s%s' "$source" "$target" "${3:+,$3}"
}

# _default_weights: print the name of the model's weights: NAME.pt; best.pt for yolo, or yolo.pt where that alone is there.
_default_weights() {
  local name=${model:-yolo}
  if [[ $name != yolo || (-f models/weights/yolo.pt && ! -e models/weights/best.pt) ]]; then
    echo "$name.pt"
  else
    echo best.pt
  fi
}

compose=(docker compose) service=model-archiver
# Without Python on this machine, the image of the packager reads the command line.
if ! find_python >/dev/null 2>&1 && ! engine_missing >/dev/null; then build_packager >&2; fi
read_command_line package-docker "$@"

# Standard output is for the version alone if --print-version was given, and for everything otherwise.
exec 3>&1
if [[ -n $print_version ]]; then exec >&2; fi
if [[ -z $weights ]]; then weights=$PWD/models/weights/$(_default_weights); fi
require_files "Copy your best.pt there, or name it: --weights FILE"
if reason=$(engine_missing); then
  fail "Docker: $reason. Start or install it, or package without it: bash scripts/package_mar.sh"
fi
if [[ ! -r $weights ]]; then
  fail "$weights cannot be read by $(user_name). Check who may: ls -l"
fi
store=$PWD/serving/torchserve/model-store
mkdir -p -- "$store"
if [[ ! -w $store ]]; then
  fail "$store cannot be written by $(user_name). Run this as the owner of the checkout, or: sudo chown -R $(user_name) '$store'"
fi
if [[ -n $int8 ]]; then compose+=(--profile int8) service=model-archiver-int8; fi
build_packager

# The owner of the new files is the caller; under sudo, the owner of the checkout. In a rootless engine the caller is
# root inside.
user=$(id -u):$(id -g)
if ((EUID == 0)); then
  user=$(stat -c '%u:%g' -- "$store")
elif [[ $(docker info --format '{{.SecurityOptions}}') == *name=rootless* ]]; then
  user=0:0
fi
# Compose also prints the image of `weights`, which the packager depends on; it is the same. The tag may be set in .env.
packager=$("${compose[@]}" config --images "$service" | tail -n 1)
inside=/weights/$(basename -- "$weights")
pictures=()
if [[ -n $calibration ]]; then pictures=(--mount "$(bind_mount /calibration "$calibration" readonly)"); fi
if [[ -n $data ]]; then
  folders=$(find_data "$packager" "$data")
  while read -r folder; do pictures+=(--mount "$(bind_mount "$folder" "$folder" readonly)"); done <<<"$folders"
fi
settings=()
for name in WEIGHTS_SHA256 TRUST_WEIGHTS; do
  value=$(env_value "$name")
  if [[ -n $value ]]; then settings+=(--env "$name=$value"); fi
done
# Of an option that is given twice, the last one counts: the paths inside the container.
run=(
  docker run --rm
  --user "$user"
  --network none --read-only --tmpfs "/tmp:mode=1777,size=1g"
  --cap-drop ALL --security-opt no-new-privileges
  ${settings[@]+"${settings[@]}"}
  --mount "$(bind_mount "$inside" "$weights" readonly)"
  --mount "$(bind_mount /app/serving/torchserve/model-store "$store")"
  ${pictures[@]+"${pictures[@]}"}
  "$packager" "$@" --weights "$inside" ${calibration:+--calibration /calibration} ${data:+--data "$data"}
)
printf '+'
printf ' %q' "${run[@]}"
echo
"${run[@]}" >&3
if [[ -z $keep_only ]]; then echo "Serve it: docker compose restart torchserve"; fi
