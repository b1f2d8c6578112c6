"""The errors of operations: a message for the operator, and an exit code for scripts.

OpsError                 1  the operation failed; what served before still serves
├── KeyNeededError       1  the gateway requires an API key; it was missing or wrong
├── UsageError           2  the command line is wrong
├── LockedError          3  another operation holds the lock
├── DriftError           4  the new version's answers differ from the running one's; --accept-drift allows it
├── NotRunningError      5  no service is running
├── NotServingError      6  the operation failed, and nothing answers now: an operator has to look
├── NoSuchVersionError   7  no such kept version, or its archive is not what was packaged
├── NotNowError          8  not while a canary, an experiment or a second server exists; or there is none to end
├── OutOfBoundsError     9  the canary exceeded its bounds and was aborted
└── RestartNeededError  10  done on disk; the caller has to restart TorchServe (the scripts do, in Compose)

130 is an interruption.
"""

from __future__ import annotations

import errno


class OpsError(Exception):
    """An operation failed and left nothing half done; the message says why and what to do."""

    exit_code = 1


class KeyNeededError(OpsError):
    """The gateway requires an API key."""


class UsageError(OpsError):
    """The command line is wrong."""

    exit_code = 2


class LockedError(OpsError):
    """Another operation is at work."""

    exit_code = 3


class DriftError(OpsError):
    """The new version's answers differ from the running one's."""

    exit_code = 4


class NotRunningError(OpsError):
    """No service is running."""

    exit_code = 5


class NotServingError(OpsError):
    """Nothing answers, or not what should."""

    exit_code = 6


class NoSuchVersionError(OpsError):
    """The version is not kept, or its archive is not what was packaged."""

    exit_code = 7


class NotNowError(OpsError):
    """Another operation has to come first."""

    exit_code = 8


class OutOfBoundsError(OpsError):
    """The canary exceeded its bounds and was aborted."""

    exit_code = 9


class RestartNeededError(OpsError):
    """Done on disk; TorchServe has to be restarted by the caller."""

    exit_code = 10


def from_os_error(error: OSError, doing: str) -> OpsError:
    """Return an OpsError for a failed file operation that says how to fix it. `doing` completes "while …"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OpsError(f"the disk is full (while {doing}). Free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OpsError(f"no permission to write {error.filename or ''} (while {doing}). Check who owns it: ls -l")
    named = f": {error.filename}" if error.filename else ""
    return OpsError(f"{error.strerror or error}{named} (while {doing})")
