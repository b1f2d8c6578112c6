"""The pictures that files, folders, patterns and URLs on the command line stand for, each with its own name."""

from __future__ import annotations

import glob
import re
from collections import Counter
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


def find(named: Sequence[str], written_to: Path | None = None, passed_over: Counter[str] | None = None) -> list[Item]:
    """Return the pictures in the given order, those of a folder or pattern sorted by name, each once.

    `written_to` is the folder that this command writes pictures to: what is found in it is left out. `passed_over`
    counts the files of folders that are not read, by suffix. Raises UsageError for missing files, folders without
    pictures, and invalid URLs.
    """
    found: dict[str, Item] = {}
    passed_over = Counter() if passed_over is None else passed_over
    for text in named:
        items = [_address(text)] if urls.is_url(text) else list(_paths(text, written_to, passed_over))
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


def _paths(text: str, written_to: Path | None, passed_over: Counter[str]) -> Iterator[Item]:
    path = Path(text)
    if path.is_dir():
        if written_to is not None and written_to.resolve() == path.resolve():
            raise UsageError(f"--out {written_to} is the folder that is read: name another one, also one in it")
        files = [file for file in path.rglob("*") if _is_visible(file, path) and not _is_in(file, written_to)]
        pictures = sorted(file for file in files if file.suffix.lower() in PICTURE_SUFFIXES)
        passed_over.update(file.suffix.lower() for file in files if file.suffix.lower() not in PICTURE_SUFFIXES)
        if not pictures:
            raise UsageError(f"{text}: no pictures in this folder (.jpg, .png, .webp and the like)")
        for file in pictures:
            yield _file(file, file.relative_to(path).with_suffix(""))
    elif path.exists():
        yield _file(path, Path(path.stem))
    elif glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  (absolute patterns too)
        files = [Path(name) for name in matches if Path(name).is_file() and not _is_in(Path(name), written_to)]
        if not files:
            literal = text.replace("[", "[[]")
            hint = (
                f". [ ] is a choice of characters here; where it belongs to a name: '{literal}'" if "[" in text else ""
            )
            raise UsageError(f"{text}: no file matches this pattern{hint}")
        fixed = re.split(r"[*?\[]", text, maxsplit=1)[0]
        above = Path(fixed[: fixed.rfind("/") + 1])
        for file in files:
            yield _file(file, file.relative_to(above).with_suffix(""))
    else:
        raise UsageError(f"{text}: no such file or folder")


def _file(path: Path, place: Path) -> Item:
    """Return a file as an item. Its name is text, also where the bytes of the file's name are not UTF-8."""
    name = path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Item(name, PurePosixPath(place.as_posix()), path)


def _is_visible(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return not hidden and file.is_file()


def _is_in(file: Path, folder: Path | None) -> bool:
    return folder is not None and file.resolve().is_relative_to(folder.resolve())


def _address(url: str) -> Item:
    try:
        url.encode()  # bytes that are no text cannot be sent
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{urls.redact(url)}: not the address of a picture")
    words = re.findall(r"[A-Za-z0-9.]+", f"{parts.netloc.rpartition('@')[2]} {parts.path} {parts.query}")
    return Item(urls.redact(url), PurePosixPath("-".join(words)[:120].strip(".") or "picture"), url=url)
