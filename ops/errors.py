"""The one error that operations end in.

OpsError            what went wrong and how to mend it; printed as one message, exit code 1
"""

from __future__ import annotations

import errno


class OpsError(Exception):
    """An operation could not be done; the message says why and what to do. Nothing was left half done."""


def from_os_error(error: OSError, doing: str) -> OpsError:
    """Turn a failed file operation into a message with its mend. `doing` completes "while …"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OpsError(f"the disk is full (while {doing}). Free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OpsError(f"no permission to write {error.filename or ''} (while {doing}). Check who owns it: ls -l")
    return OpsError(f"{error.strerror or error} (while {doing})")
