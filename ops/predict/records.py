"""Lines of JSON, one a picture: what was found, and which pictures are done. Whole lines only, whatever happens."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ops.errors import LockedError, OpsError
from ops.predict.sources import Item


def record(item: Item, body: dict[str, Any], at: str) -> dict[str, Any]:
    """Return an answer as it is kept: with its picture's name and the time, without what is the same in all."""
    return {"source": item.name, "at": at, **{key: value for key, value in body.items() if key != "status"}}


class Journal:
    """A file of lines that grows by one whole line at a time; what is in it already is not asked for again."""

    def __init__(self, path: Path, again: bool = False) -> None:
        """Open `path`, or empty it with `again`. Raises OpsError, LockedError when another run writes it."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: IO[bytes] = path.open("a+b")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._stream.close()
            raise LockedError(f"{path}: another run writes it just now. Nothing was asked") from error
        try:
            self._cut(0 if again else self._whole())
            self.sources = {line["source"] for line in lines(path)}
        except BaseException:
            self._stream.close()
            raise

    def add(self, line: dict[str, Any]) -> None:
        """Write a line; it is in the file, for any other program to see, when this returns."""
        before = self._stream.seek(0, os.SEEK_END)
        data = written(line)
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError:
            self._stream.truncate(before)  # a full disk: no half line stays
            raise
        self.sources.add(line["source"])

    def close(self) -> None:
        """Let it reach the disk and others write it."""
        if not self._stream.closed:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()

    def _whole(self) -> int:
        """Return where the last whole line ends: what follows was cut off by a crash or a power cut."""
        end = self._stream.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            self._stream.seek(start)
            found = self._stream.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _cut(self, size: int) -> None:
        self._stream.truncate(size)
        self._stream.seek(0, os.SEEK_END)


def written(line: dict[str, Any]) -> bytes:
    """Return a line as it stands in a file."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines one by one. Raises OpsError for one that this program did not write."""
    with path.open("rb") as stream:
        for number, text in enumerate(stream, 1):
            try:
                line = json.loads(text)
                known = isinstance(line, dict) and isinstance(line.get("source"), str)
            except ValueError:
                known = False
            if not known:
                raise OpsError(
                    f"{path}, line {number}: not written by this command. Choose another --out, or replace it: --again"
                )
            yield line


def to_stdout(line: dict[str, Any]) -> None:
    """Print a line for the next program in the pipe."""
    sys.stdout.buffer.write(written(line))
    sys.stdout.buffer.flush()
