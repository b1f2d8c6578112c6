#!/usr/bin/env bash
# Package weights into yolo.mar without Docker, as a new version.
set -Eeuo pipefail
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/python.sh
source scripts/python.sh

usage() {
  cat <<'EOF'
Usage: bash scripts/package_mar.sh [--weights FILE] [--version V] [--note TEXT]

Loads the weights, exports the OpenVINO model, writes and verifies the archive, keeps it as
serving/torchserve/model-store/yolo-V.mar and makes it the current yolo.mar. Then: bash scripts/up.sh

  --weights FILE   the .pt to package (default: models/weights/best.pt)
  --version V      the version to give it (default: the next one)
  --note TEXT      a line kept in the archive's metadata

The same in a container, with nothing installed on this machine: bash scripts/package_mar_docker.sh
EOF
}

arguments=()
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --weights | --version | --note)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      value=$2
      # The caller's directory is not the root: a relative file is meant from there.
      if [[ $1 == --weights && $value != /* ]]; then value=$caller/$value; fi
      arguments+=("$1" "$value")
      shift ;;
    *) echo "error: unknown argument: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

python=$(find_python)
"$python" -m ops.bootstrap
exec .venv/bin/python -m ops package ${arguments[@]+"${arguments[@]}"}
