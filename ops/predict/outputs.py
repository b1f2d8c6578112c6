"""Where answers go: lines, a table, COCO results, label files or annotated pictures; each can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ops.errors import UsageError
from ops.predict import coco, table, yolo_txt
from ops.predict.asking import Reply
from ops.predict.records import Journal, lines, record, to_stdout
from ops.predict.sources import Item
from ops.system.files import atomic


class Output(Protocol):
    """Takes answers as they come, in any order."""

    def has(self, item: Item) -> bool:
        """Say whether an earlier run wrote this picture's answer."""
        ...

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Keep an answer; `at` is when it was asked for. Raises OSError."""
        ...

    def close(self) -> None:
        """Finish the output, also of a run that was interrupted. Raises OSError."""
        ...


class Stdout:
    """JSON lines for the next program in the pipe; nothing to resume."""

    def has(self, item: Item) -> bool:
        """Nobody knows what was printed before."""
        return False

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Print it."""
        to_stdout(record(item, reply.body or {}, at))

    def close(self) -> None:
        """Nothing is left to do."""


class Lines:
    """JSON lines in a file, which is its own record of what is done."""

    def __init__(self, path: Path, again: bool) -> None:
        self._journal = Journal(path, again)

    def has(self, item: Item) -> bool:
        """Look into the lines that were there at the start or came since."""
        return item.name in self._journal.sources

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Add a line."""
        self._journal.add(record(item, reply.body or {}, at))

    def close(self) -> None:
        """Let the lines reach the disk."""
        self._journal.close()


Convert = Callable[[Path, Path], None]


class Whole:
    """One file that only makes sense whole: made from lines kept beside it, and replaced in one step at the end."""

    def __init__(self, path: Path, again: bool, convert: Convert) -> None:
        self._path = path
        self._journal_path = path.with_name(f"{path.name}.lines")
        if path.exists() and not self._journal_path.exists() and not again:
            raise UsageError(
                f"{path} is there, and not from this command. Choose another --out, or --again to replace it"
            )
        self._lines = Lines(self._journal_path, again)
        self._convert = convert

    def has(self, item: Item) -> bool:
        """Look into the lines."""
        return self._lines.has(item)

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Add a line."""
        self._lines.add(item, reply, at)

    def close(self) -> None:
        """Make the file from all lines, those of earlier runs included."""
        self._lines.close()
        with atomic(self._path, durable=False) as partial:
            self._convert(self._journal_path, partial)


Render = Callable[[Reply], bytes]


class Files:
    """A file for each picture, written in one step: it is there whole or not at all."""

    def __init__(self, folder: Path, again: bool, suffix: str, render: Render) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; --out names a folder for this format")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._again = again
        self._suffix = suffix
        self._render = render

    def path(self, item: Item) -> Path:
        """Return the file of a picture's answer."""
        return self._folder / f"{item.place}{self._suffix}"

    def has(self, item: Item) -> bool:
        """Look for the file."""
        return not self._again and self.path(item).is_file()

    def add(self, item: Item, reply: Reply, at: str) -> None:
        """Write the file."""
        path = self.path(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path, durable=False) as partial:
            partial.write_bytes(self._render(reply))

    def close(self) -> None:
        """Every file is finished already."""


def create(
    kind: str, out: Path | None, again: bool, *, annotations: Path | None = None, confidence: bool = False
) -> Output:
    """Make the output of this kind; `out` None is standard output. Raises OpsError, OSError."""
    if out is None:
        return Stdout()
    if kind in ("jsonl", "csv", "coco") and out.is_dir():
        raise UsageError(f"{out} is a folder; --out names a file for --format {kind}")
    match kind:
        case "jsonl":
            return Lines(out, again)
        case "csv":
            return Whole(out, again, lambda source, target: table.convert(lines(source), target))
        case "coco":
            known = coco.Known.of(annotations) if annotations else None
            return Whole(out, again, lambda source, target: coco.convert(lines(source), target, known))
        case "yolo":
            return Files(out, again, ".txt", lambda reply: yolo_txt.label(reply.body or {}, confidence))
        case "jpeg" | "png" | "webp":
            return Files(out, again, {"jpeg": ".jpg"}.get(kind, f".{kind}"), _picture)
    raise AssertionError(kind)


def _picture(reply: Reply) -> bytes:
    if reply.picture is None:
        raise OSError("the gateway answered with detections where a picture was asked for")
    return reply.picture
