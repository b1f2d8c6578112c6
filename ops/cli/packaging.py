"""The options of int8 that every command shares which packages weights."""

from __future__ import annotations

import argparse

from ops.errors import UsageError


def check_int8(arguments: argparse.Namespace) -> None:
    """Refuse options of int8 that do not belong together. Raises UsageError."""
    if arguments.int8 and arguments.calibration is None:
        raise UsageError("--int8 needs --calibration DIR, a folder of pictures like those to be served")
    for option in ("calibration", "force"):
        if getattr(arguments, option) and not arguments.int8:
            raise UsageError(f"--{option} goes with --int8")
    if arguments.int8 and getattr(arguments, "if_needed", False):
        raise UsageError("--int8 makes a new version; --if-needed only the first. Leave one of them out")
