"""What the bash scripts need to know about a command line, as assignments for them to evaluate.

    eval "$(python -m ops --for-shell redeploy new.pt --dry-run)"

Bash so learns the options without parsing them. A wrong command line ends with its message and exit code 2 as usual.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
from collections.abc import Sequence
from typing import Any

#: Each becomes a variable: empty when not given, `yes` for a flag.
NAMES = (
    *("where", "model", "action", "dry_run", "weights", "version", "note", "int8", "calibration", "force"),
    *("data", "max_map_loss", "url", "keep_only", "print_version", "image", "build", "handler", "watch"),
)


def assignments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> str:
    """Return bash code that sets the variables, or prints the help and exits. Raises SystemExit, OpsError."""
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown):
            arguments = parser.parse_args(argv)
    except SystemExit as end:
        if end.code:
            raise
        return f"printf %s {shlex.quote(shown.getvalue())}; exit 0"
    arguments.check(arguments)
    return "\n".join(f"{name}={shlex.quote(_text(getattr(arguments, name, None)))}" for name in NAMES)


def _text(value: Any) -> str:
    return "yes" if value is True else "" if value in (None, False) else str(value)
