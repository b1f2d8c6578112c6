"""The errors that operations end in: one message for the operator, one exit code for scripts.

OpsError                 1  it could not be done; what served before still serves
├── KeyNeededError       1  the gateway asks for an API key, and none or the wrong one was sent
├── UsageError           2  the command line is wrong
├── LockedError          3  another operation holds the lock
├── DriftError           4  the new version's answers are not the running one's; --accept-drift lets it through
├── NotRunningError      5  there is no running service to do it on
├── NotServingError      6  it failed, and nothing answers now: somebody has to look
├── NoSuchVersionError   7  no such kept version, or its archive is not what was packaged
├── NotNowError          8  not while a canary, an experiment or a second server is there; or there is none to end
├── OutOfBoundsError     9  the canary did not keep to its bounds and was taken back
└── RestartNeededError  10  done on disk; whoever called has to restart TorchServe (the scripts do, in Compose)

130 is an interruption.
"""

from __future__ import annotations

import errno


class OpsError(Exception):
    """An operation could not be done; the message says why and what to do. Nothing was left half done."""

    exit_code = 1


class KeyNeededError(OpsError):
    """The gateway asks for an API key."""


class UsageError(OpsError):
    """The command line is wrong."""

    exit_code = 2


class LockedError(OpsError):
    """Another operation is at work."""

    exit_code = 3


class DriftError(OpsError):
    """The new version answers otherwise than the running one."""

    exit_code = 4


class NotRunningError(OpsError):
    """There is no running service."""

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
    """The canary was judged and taken back."""

    exit_code = 9


class RestartNeededError(OpsError):
    """Done on disk; TorchServe has to be restarted by the caller."""

    exit_code = 10


def from_os_error(error: OSError, doing: str) -> OpsError:
    """Turn a failed file operation into a message with its mend. `doing` completes "while …"."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OpsError(f"the disk is full (while {doing}). Free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OpsError(f"no permission to write {error.filename or ''} (while {doing}). Check who owns it: ls -l")
    return OpsError(f"{error.strerror or error} (while {doing})")
