#!/usr/bin/env bash
# Runs on the machine: makes what was uploaded next to this script the running service, or stops the service.
set -Eeuo pipefail
umask 022

usage() {
  cat <<'TEXT'
Usage: bash deploy.sh apply --mode native|docker --folder FOLDER [--repository URL --revision REVISION] [--accept-drift]
       bash deploy.sh remove --mode native|docker --folder FOLDER [--delete]

apply takes what lies next to this script, if it is there: source.tar.gz, settings.env, api_keys.jsonl, weights.pt. It can
be run again at any time. remove stops the service; with --delete it deletes the folder as well.
TEXT
}

die() {
  echo "error: $1" >&2
  exit "${2:-1}"
}

# What this script knows of the folder: the files that the last archive had, so that a newer one can remove them, which
# files it has put there, and the mode.
record=.run/deployment

# Replace the project's files with those of the archive. What set-up and people made stays: .env, weights, archives, keys.
install_archive() {
  local scratch root
  if [[ ! -e $staging/source.tar.gz ]]; then return 0; fi
  echo "Source"
  scratch=$(mktemp -d "$staging/source.XXXXXX")
  tar -xzf "$staging/source.tar.gz" --no-same-owner -C "$scratch" || die "source.tar.gz cannot be unpacked. Nothing was changed"
  root=$scratch
  if [[ ! -e $root/scripts/up.sh ]]; then root=$(find "$scratch" -mindepth 1 -maxdepth 1 -type d | head -n 1); fi
  if [[ ! -e $root/scripts/up.sh ]]; then
    rm -rf -- "$scratch"
    die "source.tar.gz is not this project: it has no scripts/up.sh. Nothing was changed"
  fi
  (cd -- "$root" && find . ! -type d -print | LC_ALL=C sort) >"$staging/files"
  if [[ -e $record/files ]]; then
    LC_ALL=C comm -23 "$record/files" "$staging/files" | tr '\n' '\0' | xargs -0 -r rm -f --
  fi
  tar -C "$root" -cf - . | tar -xf - --no-same-owner
  mv -- "$staging/files" "$record/files"
  rm -rf -- "$scratch" "$staging/source.tar.gz"
}

# Check the revision out, in an empty folder as well as in one that has a service.
install_revision() {
  echo "Source: $revision"
  if [[ ! -d .git ]]; then git init --quiet .; fi
  # A server may refuse to send a single commit; then all are fetched.
  if git fetch --quiet --depth 1 "$repository" "$revision" 2>/dev/null; then
    git checkout --quiet --force --detach FETCH_HEAD
  else
    git fetch --quiet --tags "$repository" '+refs/heads/*:refs/remotes/deployed/*'
    git checkout --quiet --force --detach "$revision"
  fi
}

# install_private NAME TARGET: put an uploaded file in its place, readable by this user alone. A file there that was not
# deployed is kept under another name.
install_private() {
  local upload=$staging/$1 target=$2 name=${2##*/}
  if [[ ! -e $upload ]]; then return 0; fi
  if [[ -e $target && ! -e $record/$name ]] && ! cmp -s -- "$upload" "$target"; then
    echo "note: $target was there before; it is kept as $target.before"
    mv -- "$target" "$target.before"
  fi
  mkdir -p -- "$(dirname -- "$target")"
  chmod 600 -- "$upload"
  mv -- "$upload" "$target"
  : >"$record/$name"
}

# Weights go live without a lost request if some are served already.
install_weights() {
  local upload=$staging/weights.pt best=models/weights/best.pt
  if [[ ! -e $upload ]]; then return 0; fi
  chmod 644 -- "$upload"
  if [[ -e $best ]] && ! cmp -s -- "$upload" "$best"; then
    if [[ $1 == before ]]; then return 0; fi # the service starts with the weights that it has
    bash scripts/redeploy.sh "$upload" "--$mode" --note "deployed by Terraform" ${accept_drift:+"$accept_drift"} </dev/null
  fi
  mkdir -p -- "${best%/*}"
  mv -- "$upload" "$best"
}

# What runs in the other mode has the ports.
stop_other_mode() {
  if [[ -e $record/mode && $(<"$record/mode") != "$mode" ]]; then bash scripts/down.sh </dev/null; fi
  echo "$mode" >"$record/mode"
}

apply() {
  mkdir -p -- "$folder"
  cd -- "$folder"
  mkdir -p -- "$record"
  if [[ -n $revision ]]; then install_revision; else install_archive; fi
  if [[ ! -e scripts/up.sh ]]; then die "$folder has no scripts/up.sh, and no archive was uploaded: terraform apply -replace='terraform_data.upload[\"source.tar.gz\"]'"; fi
  stop_other_mode
  install_private settings.env .env
  install_private api_keys.jsonl secrets/api_keys.jsonl
  install_weights before
  bash scripts/up.sh "--$mode" </dev/null
  install_weights after
}

remove() {
  if [[ -e $folder/scripts/down.sh ]]; then (cd -- "$folder" && bash scripts/down.sh </dev/null); fi
  if [[ -n $delete && -e $folder/$record ]]; then
    rm -rf -- "$folder" || die "$folder could not be deleted completely. In Docker mode files may belong to a container's user: sudo rm -rf '$folder'"
    echo "deleted $folder"
  fi
  rm -rf -- "$staging"
}

staging=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
action='' folder='' mode='' repository='' revision='' accept_drift='' delete=''
while (($#)); do
  case $1 in
    apply | remove) action=$1 ;;
    --folder | --mode | --repository | --revision)
      if (($# < 2)); then die "$1 needs a value" 2; fi
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    --accept-drift) accept_drift=$1 ;;
    --delete) delete=$1 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument: $1" 2 ;;
  esac
  shift
done
if [[ -z $action || -z $folder || $mode != @(native|docker) ]]; then
  usage >&2
  exit 2
fi
if [[ $folder != /* ]]; then folder=$HOME/$folder; fi
# Terraform opens a terminal, on which the scripts would draw their progress: hundreds of lines of its log.
if [[ -t 1 ]]; then "$action" 2>&1 | cat; else "$action"; fi
