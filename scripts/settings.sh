#!/usr/bin/env bash
# Generate .env.example, docs/settings.md and the settings in the Compose files from the settings classes.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if [[ ! -x .venv/bin/python ]]; then
  echo "error: there is no Python environment; make it with: python3 -m ops.setup.environment" >&2
  exit 1
fi
PYTHONPATH=.:api-gateway:common:serving/torchserve exec .venv/bin/python -m deploy.settings "$@"
