#!/usr/bin/env bash
# Runs once as root, when cloud-init has installed the packages: closes the firewall and starts the service with TLS.
set -Eeuo pipefail

if (($# < 3)); then
  echo "Usage: bash first_start.sh FOLDER REPOSITORY REVISION [NETWORK THAT MAY USE SSH]..." >&2
  exit 2
fi
folder=$1 repository=$2 revision=$3
shift 3
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
export HOME=${HOME:-/root} # cloud-init sets none, and Docker's client keeps its builders there

# Docker opens the ports that it publishes past ufw: 80 and 443. Everything else is on loopback.
ufw default deny incoming
for network in "$@"; do ufw allow proto tcp from "$network" to any port 22; done
ufw allow 80/tcp
ufw allow 443/tcp
ufw allow 443/udp
ufw --force enable

# The user of the gateway's container alone may read the keys (deploy/compose/keys.yml).
if [[ -e $here/api_keys.jsonl ]]; then chown 10001:10001 "$here/api_keys.jsonl"; fi

# A registry or an index may not answer at once. What is done already is not done again.
for attempt in 1 2 3; do
  if bash "$here/deploy.sh" apply --mode docker --folder "$folder" --repository "$repository" --revision "$revision"; then
    exit 0
  fi
  echo "attempt $attempt failed" >&2
  if ((attempt < 3)); then sleep "${RETRY_S:-30}"; fi
done
echo "error: the service did not start. The reason stands above, in /var/log/cloud-init-output.log. Fix it, then: bash $here/first_start.sh $folder $repository $revision $*" >&2
exit 1
