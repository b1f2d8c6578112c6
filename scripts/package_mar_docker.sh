#!/usr/bin/env bash
# Package weights into yolo.mar in a container, as a new version; nothing is installed on this machine.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/engine.sh
source scripts/engine.sh
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/int8.sh
source scripts/int8.sh

usage() {
  cat <<'EOT'
Usage: bash scripts/package_mar_docker.sh [--weights FILE] [--version V] [--note TEXT] [--keep-only]
                                           [--int8 --calibration DIR [--force]]

Loads the weights, exports the OpenVINO model, writes and verifies the archive, keeps it as
serving/torchserve/model-store/yolo-V.mar and makes it the current yolo.mar. Then: docker compose restart torchserve

  --weights FILE   the .pt to package (default: models/weights/best.pt)
  --version V      the version to give it (default: the next one)
  --note TEXT      a line kept in the archive's metadata
  --keep-only      keep the version beside the others; leave yolo.mar as it is

  --int8             quantise the OpenVINO model to int8: up to twice as fast, slightly other detections. What that
                     changes is measured, shown and kept in the metadata; too little agreement with fp32 is refused
  --calibration DIR  with --int8: a folder of pictures like those to be served; at least 8, better 100 or more
  --force            with --int8: package it also when it agrees too little with fp32

The same without Docker: bash scripts/package_mar.sh
EOT
}

fail() {
  printf 'error: %s\nNothing was changed.\n' "$1" >&2
  exit 1
}

root=$PWD
weights=$root/models/weights/best.pt
arguments=()
keep_only=0
int8='' calibration='' force=''
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --keep-only) keep_only=1; arguments+=("$1") ;;
    --int8) int8=yes; arguments+=("$1") ;;
    --force) force=yes; arguments+=("$1") ;;
    --weights | --version | --note | --calibration)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      # The caller's directory is not the root: a relative file is meant from there.
      if [[ $1 == --weights ]]; then
        if [[ $2 == /* ]]; then weights=$2; else weights=$caller/$2; fi
      elif [[ $1 == --calibration ]]; then
        if [[ $2 == /* ]]; then calibration=$2; else calibration=$caller/$2; fi
      else
        arguments+=("$1" "$2")
      fi
      shift ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

check_int8 "$int8" "$calibration" "$force" || exit
if reason=$(engine_missing); then
  fail "Docker: $reason. Start or install it, or package without it: bash scripts/package_mar.sh"
fi
if [[ ! -f $weights ]]; then
  fail "there are no weights at $weights. Copy your best.pt there, or name it: --weights FILE"
fi
if [[ ! -r $weights ]]; then
  fail "$weights cannot be read by $(id -un 2>/dev/null || id -u). Look who may: ls -l"
fi
store=$root/serving/torchserve/model-store
mkdir -p -- "$store"
if [[ ! -w $store ]]; then
  fail "$store cannot be written by $(id -un 2>/dev/null || id -u). Run this as the owner of the checkout, or: sudo chown -R $(id -un 2>/dev/null || id -u) '$store'"
fi

service=model-archiver${int8:+-int8}
compose=(docker compose ${int8:+--profile int8})
build=("${compose[@]}" --progress plain build "$service")
echo "+ ${build[*]}"
quietly "building the packager's image" "${build[@]}" || fail "the packager's image could not be built (above)"

# bind_mount TARGET SOURCE [OPTION]: one --mount value. Docker reads it as CSV, and a file name may hold a comma or a quote.
bind_mount() {
  local source=\"source=${2//\"/\"\"}\" target=\"target=${1//\"/\"\"}\"
  printf 'type=bind,%s,%s%s' "$source" "$target" "${3:+,$3}"
}

# Whose the files will be: the caller's; under sudo, the owner's of the checkout. In a rootless engine the caller is
# called root inside.
user=$(id -u):$(id -g)
if ((EUID == 0)); then
  user=$(stat -c '%u:%g' -- "$store")
elif [[ $(docker info --format '{{.SecurityOptions}}') == *name=rootless* ]]; then
  user=0:0
fi
image=$("${compose[@]}" config --images "$service") # its tag may be set in .env
inside=/weights/$(basename -- "$weights")
pictures=()
if [[ -n $int8 ]]; then
  pictures=(--mount "$(bind_mount /calibration "$calibration" readonly)")
  arguments+=(--calibration /calibration)
fi
run=(
  docker run --rm
  --user "$user"
  --network none --read-only --tmpfs "/tmp:mode=1777,size=1g"
  --cap-drop ALL --security-opt no-new-privileges
  --mount "$(bind_mount "$inside" "$weights" readonly)"
  --mount "$(bind_mount /app/serving/torchserve/model-store "$store")"
  ${pictures[@]+"${pictures[@]}"}
  "$image"
  --weights "$inside"
  ${arguments[@]+"${arguments[@]}"}
)
printf '+'
printf ' %q' "${run[@]}"
echo
"${run[@]}"
if ((!keep_only)); then echo "Serve it: docker compose restart torchserve"; fi
