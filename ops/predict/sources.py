"""The pictures that files, folders, patterns and URLs on the command line stand for, each with its own name."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ops.errors import UsageError
from ops.paths import PICTURE_SUFFIXES
from ops.system import urls


@dataclass(frozen=True)
class Item:
    """One picture. `name` is its name in the output; `place` is the path of its output file, without a suffix."""

    name: str
    place: PurePosixPath
    path: Path | None = None
    url: str | None = None


def find(named: Sequence[str]) -> list[Item]:
    """Return the pictures in the given order, those of a folder or pattern sorted by name, each once.

    Raises UsageError for missing files, folders without pictures, and invalid URLs.
    """
    found: dict[str, Item] = {}
    for text in named:
        items = [_address(text)] if urls.is_url(text) else list(_paths(text))
        for item in items:
            found.setdefault(item.name, item)
    return list(found.values())


def check_places(items: Iterable[Item]) -> None:
    """Raise UsageError if two pictures would be written to the same file of an output folder."""
    seen: dict[str, Item] = {}
    for item in items:
        other = seen.setdefault(str(item.place).casefold(), item)
        if other is not item:
            raise UsageError(
                f"{other.name} and {item.name} would both be written as {item.place}. Name the folder that holds both "
                "instead of the files, or write them to folders of their own. Nothing was asked"
            )


def snapshot(item: Item, moment: str) -> Item:
    """Return the picture of a camera at one moment (`20261123T150000.123Z`) as an item of its own."""
    return Item(f"{item.name}#{moment}", item.place.with_name(f"{item.place.name}-{moment}"), url=item.url)


def _paths(text: str) -> Iterator[Item]:
    path = Path(text)
    if path.is_dir():
        pictures = sorted(file for file in path.rglob("*") if _is_picture(file, path))
        if not pictures:
            raise UsageError(f"{text}: no pictures in this folder (.jpg, .png, .webp and the like)")
        for file in pictures:
            yield Item(file.as_posix(), PurePosixPath(file.relative_to(path).with_suffix("").as_posix()), file)
    elif path.exists():
        yield Item(path.as_posix(), PurePosixPath(path.stem), path)
    elif glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  (absolute patterns too)
        files = [Path(name) for name in matches if Path(name).is_file()]
        if not files:
            raise UsageError(f"{text}: no file matches this pattern")
        fixed = re.split(r"[*?\[]", text, maxsplit=1)[0]
        above = Path(fixed[: fixed.rfind("/") + 1])
        for file in files:
            yield Item(file.as_posix(), PurePosixPath(file.relative_to(above).with_suffix("").as_posix()), file)
    else:
        raise UsageError(f"{text}: no such file or folder")


def _is_picture(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return not hidden and file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()


def _address(url: str) -> Item:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{urls.redact(url)}: not the address of a picture")
    words = re.findall(r"[A-Za-z0-9.]+", f"{parts.netloc.rpartition('@')[2]} {parts.path} {parts.query}")
    return Item(urls.redact(url), PurePosixPath("-".join(words)[:120].strip(".") or "picture"), url=url)
