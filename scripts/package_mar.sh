#!/usr/bin/env bash
# Package weights into yolo.mar without Docker, as a new version.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh
# shellcheck source=scripts/int8.sh
source scripts/int8.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/package_mar.sh [--weights FILE] [--version V] [--note TEXT]
                                    [--int8 --calibration DIR [--force]]

Loads the weights, exports the OpenVINO model, writes and verifies the archive, keeps it as
serving/torchserve/model-store/yolo-V.mar and makes it the current yolo.mar. Then: bash scripts/up.sh

  --weights FILE   the .pt to package (default: models/weights/best.pt)
  --version V      the version to give it (default: the next one)
  --note TEXT      a line kept in the archive's metadata

  --int8             quantise the OpenVINO model to int8: up to twice as fast, slightly other detections. What that
                     changes is measured, shown and kept in the metadata; too little agreement with fp32 is refused
  --calibration DIR  with --int8: a folder of pictures like those to be served; at least 8, better 100 or more
  --force            with --int8: package it also when it agrees too little with fp32

The same in a container, with nothing installed on this machine: bash scripts/package_mar_docker.sh
EOF
}

arguments=()
int8='' calibration='' force=''
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --int8) int8=yes; arguments+=("$1") ;;
    --force) force=yes; arguments+=("$1") ;;
    --weights | --version | --note | --calibration)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      value=$2
      # The caller's directory is not the root: a relative file is meant from there.
      if [[ $1 == --weights || $1 == --calibration ]] && [[ $value != /* ]]; then value=$caller/$value; fi
      if [[ $1 == --calibration ]]; then calibration=$value; fi
      arguments+=("$1" "$value")
      shift ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

check_int8 "$int8" "$calibration" "$force" || exit
python=$(find_python)
"$python" -m ops.setup.environment ${int8:+--int8}
exec .venv/bin/python -m ops package ${arguments[@]+"${arguments[@]}"}
