"""Where answers go: lines, a table, COCO results, label files or annotated pictures. All but standard output resume."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ops.errors import UsageError
from ops.predict import coco, csv_table, journal, text, yolo_txt
from ops.predict.client import Reply
from ops.predict.journal import Journal
from ops.predict.sources import Item
from ops.system.files import atomic
from ops.terminal.console import say

#: The gateway draws these itself; the suffix of each.
DRAWN = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


class Output(Protocol):
    """Takes answers as they come, in any order."""

    def has(self, item: Item) -> bool:
        """Return whether an earlier run wrote the answer for this picture."""
        ...

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Store an answer; `at` is when it was asked for. Raises OSError."""
        ...

    def close(self) -> None:
        """Complete the output, also of an interrupted run. Raises OSError."""
        ...


class Stdout:
    """JSON lines for the next program in the pipe, or lines for a person."""

    def __init__(self, for_people: bool) -> None:
        self._for_people = for_people

    def has(self, item: Item) -> bool:
        """Return False: what earlier runs printed is unknown."""
        return False

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Print the answer."""
        if self._for_people:
            for line in text.lines(Path(item.name).name, reply.body):
                say(line)
        else:
            sys.stdout.buffer.write(journal.line(item, reply, at))
            sys.stdout.buffer.flush()

    def close(self) -> None:
        """Do nothing."""


Convert = Callable[[Path, Path], None]


class Converted(Journal):
    """A file that is valid only as a whole: it is made from the journal next to it at the end of each run."""

    def __init__(self, path: Path, again: bool, convert: Convert) -> None:
        lines = path.with_name(f"{path.name}.lines")
        if path.exists() and not lines.exists() and not again:
            raise UsageError(
                f"{path} exists and was not written by this command. Choose another --out, or --again to replace it"
            )
        super().__init__(lines, again)
        self._target = path
        self._convert = convert

    def close(self) -> None:
        """Replace the file with one made from all lines, those of earlier runs included."""
        super().close()
        with atomic(self._target, durable=False) as partial:
            self._convert(self.path, partial)


class Files:
    """A file for each picture, which is either complete or missing."""

    def __init__(self, folder: Path, again: bool, suffix: str, render: Callable[[Reply], bytes]) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; --out names a folder for this format")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._again, self._suffix, self._render = folder, again, suffix, render

    def path(self, item: Item) -> Path:
        """Return the file for a picture."""
        return self._folder / f"{item.place}{self._suffix}"

    def has(self, item: Item) -> bool:
        """Return whether the file exists."""
        return not self._again and self.path(item).is_file()

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Write the file."""
        path = self.path(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path, durable=False) as partial:
            partial.write_bytes(self._render(reply))

    def close(self) -> None:
        """Do nothing: every file is complete."""


def create(
    kind: str, out: Path | None, again: bool, *, annotations: Path | None = None, confidence: bool = False
) -> Output:
    """Return the output of this kind; `out` None is standard output. Raises OpsError, OSError."""
    if out is None:
        return Stdout(for_people=kind == "table")
    if kind in ("jsonl", "csv", "coco") and out.is_dir():
        raise UsageError(f"{out} is a folder; --out names a file for --format {kind}")
    match kind:
        case "jsonl":
            return Journal(out, again)
        case "csv":
            return Converted(out, again, lambda source, target: csv_table.convert(journal.read(source), target))
        case "coco":
            known = coco.Known.of(annotations) if annotations else None
            return Converted(out, again, lambda source, target: coco.convert(journal.read(source), target, known))
        case "yolo":
            return Files(out, again, ".txt", lambda reply: yolo_txt.label(reply.body, confidence))
        case _:
            return Files(out, again, DRAWN[kind], _picture)


def _picture(reply: Reply) -> bytes:
    if reply.picture is None:
        raise OSError("the gateway answered with detections where a picture was asked for")
    return reply.picture
