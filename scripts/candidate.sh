# shellcheck shell=bash
# Sourced after where.sh and int8.sh: weights or a kept version on the command line, packaged where they have to be.

# What take_candidate_option has read; `flags` are the options that go to the operation as they are.
target='' version='' note='' int8='' calibration='' force='' mode='' dry_run=0 flags=()

# shellcheck disable=SC2034 # read by the scripts that show it
candidate_options='  --version V          the version to give it (default: the next one)
  --note TEXT          a line kept with the version
  --accept-drift       go on when the task or the classes differ, or nothing is found where the running version finds something
  --int8 --calibration DIR [--force]   quantise it to int8, as package_mar.sh does
  --dry-run            say what would be done; change nothing
  --native, --docker   where to operate (default: where the service runs)'

# take_candidate_option WORDS...: read one option from the front; `taken` is how many words it was, 0 for none of ours.
# Exits 2 when its value is missing.
take_candidate_option() {
  taken=1
  case "$1" in
    --version | --note | --calibration)
      if (($# < 2)); then echo "error: $1 needs a value" >&2; exit 2; fi
      # The caller's directory is not the root: a relative folder is meant from there.
      case "$1" in
        --version) version=$2 ;;
        --note) note=$2 ;;
        *) if [[ $2 == /* ]]; then calibration=$2; else calibration=${caller:?}/$2; fi ;;
      esac
      taken=2 ;;
    --accept-drift) flags+=("$1") ;;
    --int8) int8=yes ;;
    --force) force=yes ;;
    --dry-run) dry_run=1 ;;
    --native | --docker) mode=${1#--} ;;
    *) # shellcheck disable=SC2034 # read by the scripts
      taken=0 ;;
  esac
}

# take_target WORD: weights, made absolute from the caller's directory, or the name of a kept version.
take_target() {
  if [[ -n $target ]]; then echo "error: unknown argument: $1" >&2; usage >&2; exit 2; fi
  if [[ $1 == /* ]]; then
    target=$1
  elif [[ $1 == *.pt || $1 == */* || -f $caller/$1 ]]; then
    target=$caller/$1
  else
    target=$1
    return 0
  fi
  if [[ ! -f $target ]]; then
    echo "error: there are no weights at $target. Nothing changed" >&2
    exit 1
  fi
}

# operate WORDS...: run `ops WORDS TARGET` where the service runs; in Compose the weights are packaged in a container of
# their own first. Exits with the operation's exit code.
operate() {
  local given=(${version:+--version "$version"} ${flags[@]+"${flags[@]}"}) status=0 quantise=()
  check_int8 "$int8" "$calibration" "$force" || exit
  if [[ -n $int8 ]]; then quantise=(--int8 --calibration "$calibration" ${force:+--force}); fi
  mode=$(choose_mode "$mode")
  if [[ $mode == native ]]; then
    given+=(${quantise[@]+"${quantise[@]}"})
    if ((dry_run)); then
      given+=(--dry-run)
    elif [[ -n $int8 ]]; then
      "$(find_python)" -m ops.setup.environment --int8
    fi
    native_ops "$@" "$target" --note "$note" ${given[@]+"${given[@]}"} || status=$?
    exit "$status"
  fi

  RELEASED_BY=$(released_by)
  export RELEASED_BY
  local began plan packaging=() said packaged=()
  began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  # Whether it can be done at all is asked before minutes of packaging.
  plan=$(docker_ops "$@" "$target" ${given[@]+"${given[@]}"} --dry-run) || status=$?
  if ((status || dry_run)); then
    [[ -z $plan ]] || printf '%s\n' "$plan"
    exit "$status"
  fi
  if [[ $target == /* ]]; then
    packaging=(--weights "$target" --keep-only ${version:+--version "$version"} --note "$note")
    said=$(bash scripts/package_mar_docker.sh "${packaging[@]}" ${quantise[@]+"${quantise[@]}"} | tee >(cat >&2))
    packaged=(--packaged "$(sed -n 's/^  version  *//p' <<<"$said" | tail -n 1)")
  fi
  docker_ops "$@" "$target" ${packaged[@]+"${packaged[@]}"} --note "$note" ${flags[@]+"${flags[@]}"} || status=$?
  if ((status == 1 || status == 6)); then explain "$began"; fi
  exit "$status"
}
