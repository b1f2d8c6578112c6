"""The file of API keys, looked at again while the gateway runs: a line taken out is a key revoked."""

import hmac
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.auth.identity import Identity, Refusal
from gateway.auth.key_records import KEY, NO_HASH, KeyRecord, hashed, parse_keys
from gateway.errors import AuthUnavailable, InvalidCredentials

logger = logging.getLogger("gateway.auth")

#: Seconds between two looks at the file, so the longest that a revoked key lives.
LOOK_EVERY_S = 1.0
MAX_BYTES = 4 * 2**20

#: What tells one state of the file from another; the change time catches a file written over within its old size.
_Stamp = tuple[int, int, int, int]


class KeyFile:
    """Checks keys against a file that may change at any moment.

    No file means no keys. While a file exists and cannot be read, no key is accepted: with the last good state
    a revocation could stay without effect unnoticed. ``clock`` gives monotonic seconds, ``now`` those since
    1970; tests give their own.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._records: Mapping[str, KeyRecord] = {}
        self._stamp: _Stamp | None = None
        self._problem: str | None = None
        self._looked = clock()
        self._look()

    @property
    def problem(self) -> str | None:
        """Why the file cannot be read, if so."""
        return self._problem

    def __len__(self) -> int:
        """Return how many keys there are, expired ones included."""
        return len(self._records)

    def verify(self, key: str) -> Identity:
        """Return whose key this is; raises :class:`Refusal`. The comparison takes the same time for every key."""
        if self._clock() - self._looked >= LOOK_EVERY_S:
            self._looked = self._clock()
            self._look()
        if self._problem is not None:
            raise Refusal(AuthUnavailable(), "key", "unavailable")
        match = KEY.fullmatch(key)
        if match is None:
            raise Refusal(InvalidCredentials(), "key", "malformed")
        record = self._records.get(match[1])
        same = hmac.compare_digest(hashed(key), NO_HASH if record is None else record.hash)
        if record is None or not same:
            raise Refusal(InvalidCredentials(), "key", "unknown")
        if record.expires is not None and self._now() >= record.expires:
            raise Refusal(InvalidCredentials("This API key has expired; ask for a new one."), "key", "expired")
        return Identity(record.name, "key", record.scopes, record.models)

    def _look(self) -> None:
        """Read the file if it is another one than last time. It is small and local: this does not hold requests up."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            if found.st_size > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            self._records = parse_keys(self._path.read_text(encoding="utf-8"))
            self._stamp, problem = stamp, None
            logger.info("API keys read", extra={"keys": len(self._records)})
        except FileNotFoundError:
            if self._records:
                logger.warning("the key file is gone: no API key is accepted")
            self._records, self._stamp, problem = {}, None, None
        except OSError as error:
            problem = f"{error.strerror or error} (read as uid {os.getuid()})"
        except ValueError as error:
            problem = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        if problem is not None:
            self._records, self._stamp = {}, None
            if problem != self._problem:
                logger.error("the key file cannot be used: no API key is accepted", extra={"problem": problem})
        self._problem = problem
