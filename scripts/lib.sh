# shellcheck shell=bash
# Sourced by package_mar_docker.sh: a long command with its output kept back.

# quietly TITLE COMMAND...: run a command with its output kept back. While it takes long, say so and show its last
# line; when it fails, show the end of its output and return its exit code.
quietly() {
  local title=$1 log beat status=0
  shift
  log=$(mktemp)
  _heartbeat "$title" "$log" &
  beat=$!
  # shellcheck disable=SC2064 # the values of now are meant
  trap "kill $beat 2>/dev/null; rm -f -- '$log'" EXIT
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
  if ((status)); then tail -n 40 -- "$log" >&2; fi
  rm -f -- "$log"
  trap - EXIT
  return "$status"
}

_heartbeat() {
  local title=$1 log=$2 pause=15 form='  %s … %d s  %s\n'
  # A terminal shows one line that changes; elsewhere a line now and then is enough.
  if [[ -t 1 ]]; then pause=1 form='\r\033[K  %s … %d s  %s'; fi
  SECONDS=0
  # Nobody must wait for the output of a sleep that outlives this.
  while sleep "$pause" >/dev/null 2>&1; do
    # shellcheck disable=SC2059 # one of the two forms above
    printf "$form" "$title" "$SECONDS" "$(tail -n 1 -- "$log" | tr -d '\r' | cut -c 1-70)"
  done
}
