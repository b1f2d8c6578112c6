# shellcheck shell=bash
# Sourced: find a Python new enough to run the operations.

# Print the Python to use: $PYTHON, else the first of the usual names that is 3.11 or newer. Fails, and says how to get one.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  echo "error: no Python 3.11 or newer found. Install it (Debian: apt-get install python3 python3-venv) or set PYTHON=/path/to/python3.11" >&2
  return 1
}
