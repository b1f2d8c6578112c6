"""The end of every command: an exit code, and one message on stderr for a failure. Standard library only."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from ops.errors import OpsError, from_os_error
from ops.terminal.console import say_to_stderr

INTERRUPTED = 130


def run_command(work: Callable[[], int], doing: str, interrupted: str = "interrupted") -> int:
    """Run `work` and return its exit code, or that of its error (see `ops.errors`). `doing` completes "while …"."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a character, and a file name may not be text
            stream.reconfigure(errors="backslashreplace")
    try:
        return work()
    except OpsError as error:
        say_to_stderr(f"error: {error}")
        return error.exit_code
    except OSError as error:
        say_to_stderr(f"error: {from_os_error(error, doing)}")
        return OpsError.exit_code
    except KeyboardInterrupt:
        say_to_stderr(f"\n{interrupted}")
        return INTERRUPTED
