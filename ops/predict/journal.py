"""A file of JSON lines, one for each picture, which also records which pictures are done. It holds whole lines only."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.errors import LockedError, OpsError
from ops.predict.client import Reply
from ops.predict.sources import Item


class Journal:
    """JSON lines that later runs extend. One process at a time writes it."""

    def __init__(self, path: Path, again: bool = False) -> None:
        """Open `path`, or empty it with `again`. Raises OpsError, LockedError when another run writes it."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._stream.truncate(0 if again else self._end_of_last_line())
            self._done = {line["source"] for line in read(path)}
        except BlockingIOError as error:
            self._stream.close()
            raise LockedError(f"{path}: another run writes it just now. Nothing was asked") from error
        except BaseException:
            self._stream.close()
            raise

    def has(self, item: Item) -> bool:
        """Return whether the file has the answer for a picture."""
        return item.name in self._done

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Append a line, at once visible to other programs. Raises OSError; then no part of the line is left."""
        before = self._stream.seek(0, os.SEEK_END)
        data = line(item, reply, at)
        try:
            if self._stream.write(data) != len(data):
                os.fsync(self._stream.fileno())  # reports the full disk
                raise OSError(f"{self.path} took only a part of a line")
        except OSError:
            self._stream.truncate(before)
            raise
        self._done.add(item.name)

    def close(self) -> None:
        """Flush the lines to the disk and let other runs write the file."""
        if not self._stream.closed:
            os.fsync(self._stream.fileno())
            self._stream.close()

    def _end_of_last_line(self) -> int:
        """Return the length of the file without a last line that a crash or a power cut broke off."""
        end = self._stream.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            self._stream.seek(start)
            found = self._stream.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


def line(item: Item, reply: Reply, at: str) -> bytes:
    """Return an answer as a line of JSON: with the picture's name and the time `at` which it was asked for."""
    record = {"source": item.name, "at": at, **{key: value for key, value in reply.body.items() if key != "status"}}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records one by one. Raises OpsError for a line that is not a record."""
    with path.open("rb") as stream:
        for number, text in enumerate(stream, 1):
            try:
                record = json.loads(text)
                known = isinstance(record["source"], str)
            except (ValueError, TypeError, KeyError):
                known = False
            if not known:
                raise OpsError(
                    f"{path}, line {number}: not written by this command. Choose another --out, or replace it: --again"
                )
            yield record
