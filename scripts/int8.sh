# shellcheck shell=bash
# Sourced: the int8 options of every script that packages weights.

# check_int8 WANTED FOLDER FORCED: refuse options that do not belong together, or a folder that is not there, before
# anything is installed or built. WANTED and FORCED are empty or not. Status: 2 for the options, 1 for the folder.
check_int8() {
  if [[ -n $1 && -z $2 ]]; then
    echo "error: --int8 needs --calibration DIR, a folder of pictures like those to be served" >&2
    return 2
  fi
  if [[ -z $1 && -n $2$3 ]]; then
    echo "error: ${2:+--calibration}${3:+${2:+ and }--force} needs --int8" >&2
    return 2
  fi
  if [[ -n $2 && ! -d $2 ]]; then
    echo "error: --calibration $2: there is no such folder. Name one with pictures like those to be served" >&2
    return 1
  fi
}
