"""A labelled set in Ultralytics' form: data.yaml, pictures, and a text file of labels for each picture.

    path: /data/street             the folder of the set, from that of data.yaml on (default: that folder)
    val: images/val                pictures of a split: a folder, a text file of paths, or a list of these
    names: {0: person, 1: bus}

The labels of …/images/val/1.jpg are in …/labels/val/1.txt, a line for each object: `class x y width height`, or
`class x1 y1 x2 y2 …` for an outline, in fractions of the upright picture. A picture without such a file shows nothing.
As with `yolo val`, a picture whose labels are wrong is left out; here with the line that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import yaml

from ops.errors import OpsError, UsageError

Floats: TypeAlias = npt.NDArray[np.float32]

SPLITS = ("val", "test", "train")
#: Those that `yolo val` reads.
SUFFIXES = frozenset(
    [".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"]
)
#: How far beyond the border of a picture a label may reach.
TOLERANCE = 0.01


class LabelError(Exception):
    """A file of labels is wrong; the message names the line."""


@dataclass(frozen=True)
class Sample:
    """A labelled picture: classes (N), boxes (N, 4) as centre and size, outlines N × (K, 2); empty for plain boxes."""

    path: Path
    classes: Floats
    boxes: Floats
    outlines: Sequence[Floats] = ()


@dataclass(frozen=True)
class Dataset:
    """A split of a set. `left_out` has a line for each picture whose labels are wrong."""

    file: Path
    split: str
    names: Mapping[int, str]
    samples: Sequence[Sample]
    left_out: Sequence[str]

    @property
    def most_objects(self) -> int:
        """The largest number of objects in a picture."""
        return max((len(sample.classes) for sample in self.samples), default=0)


@dataclass(frozen=True)
class Description:
    """What data.yaml says: `entries` of the split are looked for in `root`.

    `keypoints` is how many numbers follow the box of a pose label, 0 without keypoints.
    """

    file: Path
    names: Mapping[int, str]
    keypoints: int
    root: Path
    entries: Sequence[str]

    def places(self, entry: str) -> list[Path]:
        """Return where an entry may be. Some exports say ../valid/images and mean valid/images."""
        meant = [entry, entry[3:]] if entry.startswith("../") else [entry]
        return [(self.root / one).resolve() for one in meant]


def read(file: Path, split: str = "val", limit: int | None = None) -> Dataset:
    """Read the pictures and labels of a split, at most `limit`, evenly from first to last. Raises OpsError."""
    described = describe(file, split)
    paths = spread(_find(described, split), limit)
    samples, left_out = [], []
    for path in paths:
        try:
            samples.append(read_labels(path, described))
        except LabelError as error:
            left_out.append(str(error))
    if not samples:
        raise OpsError(f"{file}: no labels of {split} can be used: {left_out[0]}")
    if not any(len(sample.classes) for sample in samples):
        raise OpsError(
            f"{file}: none of the {len(samples)} pictures of {split} has a label. Those of {samples[0].path} would be "
            f"in {labels_of(samples[0].path)}"
        )
    return Dataset(file, split, described.names, samples, left_out)


def spread(paths: Sequence[Path], limit: int | None) -> list[Path]:
    """Return at most `limit` of the paths, evenly from first to last: neighbours by name are often alike."""
    if limit is None or len(paths) <= limit:
        return list(paths)
    return [paths[index * len(paths) // limit] for index in range(limit)]


def describe(file: Path, split: str) -> Description:
    """Read data.yaml. Raises UsageError if there is no such file, OpsError that says what is wrong in it."""
    document = _load(file)
    if split == "val" and "val" not in document and "validation" in document:
        split = "validation"
    given = document.get(split)
    if not given or not isinstance(given, (str, list)):
        known = [name for name in SPLITS if document.get(name)]
        others = f"It has {', '.join(known)}: --split {known[0]}" if known else "Add it: the folder with the pictures"
        raise OpsError(f"{file}: {split}: is missing. {others}")
    entries = [given] if isinstance(given, str) else given
    if not all(isinstance(entry, str) for entry in entries):
        raise OpsError(f"{file}: {split}: must be a path or a list of paths")
    root = file.parent.resolve() / Path(str(document.get("path") or "")).expanduser()
    return Description(file, _names(file, document), _keypoints(document), root, entries)


def folders(file: Path, split: str) -> list[Path]:
    """Return the folders that reading a split may need, for a container to see them; some may not exist."""
    described = describe(file, split)
    needed = [file.parent, described.root.resolve()]
    for place in (place for entry in described.entries for place in described.places(entry)):
        folder = place.parent if place.suffix == ".txt" else place
        needed += [folder, labels_of(folder / "_").parent]
    return list(dict.fromkeys(needed))


def differences(model: Mapping[int, str], data: Mapping[int, str]) -> list[str]:
    """Return what a person should know where the classes of the model are not those of the set."""
    if not model:
        return []
    if len(model) < len(data):
        return [f"the model has {len(model)} classes, data.yaml {len(data)}: labels of the others are ignored"]
    other = [number for number, name in data.items() if model.get(number) != name]
    if not other:
        return []
    examples = ", ".join(f"{number} is {model[number]!r} and {data[number]!r}" for number in other[:3])
    return [f"{len(other)} classes have other names in the model than in data.yaml ({examples}): are they the same?"]


def labels_of(picture: Path) -> Path:
    """Return the file with the labels of a picture: `labels` for the last folder `images` in its path."""
    before, found, after = str(picture).rpartition("/images/")
    return Path(f"{before}/labels/{after}" if found else picture).with_suffix(".txt")


def read_labels(picture: Path, described: Description) -> Sample:
    """Read the labels of a picture. Raises LabelError."""
    file = labels_of(picture)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(_row(line, described))
            except ValueError as error:
                raise LabelError(f"{file}, line {number}: {error}") from error
    outlined = [len(row) > 5 for row in rows]
    if any(outlined) and not all(outlined):
        raise LabelError(f"{file}: it has both boxes (5 numbers a line) and outlines")
    rows = list(dict.fromkeys(rows))
    outlines = [np.array(row[1:], dtype=np.float32).reshape(-1, 2) for row in rows] if any(outlined) else []
    boxes = [_around(outline) for outline in outlines] or [row[1:] for row in rows]
    return Sample(
        picture,
        np.array([row[0] for row in rows], dtype=np.float32),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        outlines,
    )


def _load(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"{file}: there is no such file. Name the data.yaml of the set") from error
    except IsADirectoryError as error:
        raise UsageError(f"{file} is a folder. Name the data.yaml in it") from error
    except OSError as error:
        raise OpsError(f"{file} cannot be read: {error.strerror}. Check who owns it: ls -l") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise OpsError(f"{file}{f', line {mark.line + 1}' if mark else ''}: it is not YAML") from error
    if not isinstance(document, dict):
        raise OpsError(f"{file}: path, val and names are expected, as in Ultralytics' data.yaml")
    return document


def _names(file: Path, document: Mapping[str, Any]) -> dict[int, str]:
    given = document.get("names")
    if given is None and isinstance(count := document.get("nc"), int):
        given = [f"class_{number}" for number in range(count)]
    if isinstance(given, list):
        given = dict(enumerate(given))
    if not isinstance(given, dict) or not given:
        raise OpsError(f"{file}: names: is missing. It lists the classes: names: {{0: person, 1: bus}}")
    try:
        names = {int(number): str(name) for number, name in given.items()}
    except (ValueError, TypeError) as error:
        raise OpsError(f"{file}: names: the classes must be numbered") from error
    if sorted(names) != list(range(len(names))):
        raise OpsError(f"{file}: names: {len(names)} classes must have the numbers 0 to {len(names) - 1}")
    return names


def _keypoints(document: Mapping[str, Any]) -> int:
    match document.get("kpt_shape"):
        case [int(count), int(numbers)]:
            return count * numbers
    return 0


def _find(described: Description, split: str) -> list[Path]:
    found: list[Path] = []
    for entry in described.entries:
        places = described.places(entry)
        place = next((place for place in places if place.exists()), places[0])
        if place.is_dir():
            found += place.rglob("*.*")
        elif place.is_file():
            lines = place.read_text(encoding="utf-8-sig").splitlines()
            found += [place.parent / line.strip() for line in lines if line.strip()]
        else:
            raise OpsError(f"{described.file}: {split}: there is no {place}. Correct path: and {split}: in it")
    pictures = sorted({path for path in found if path.suffix.lower() in SUFFIXES}, key=str)
    if not pictures:
        raise OpsError(f"{described.file}: {split}: no pictures in {', '.join(described.entries)}")
    return pictures


def _row(line: str, described: Description) -> tuple[float, ...]:
    """Read a label as (class, four or more fractions). Raises ValueError."""
    words = line.split()
    if described.keypoints and len(words) == 5 + described.keypoints:
        words = words[:5]
    try:
        numbers = [float(np.float32(word)) for word in words]
    except ValueError as error:
        raise ValueError("a class and fractions of the picture are expected, separated by blanks") from error
    if len(numbers) < 5 or len(numbers) % 2 == 0:
        raise ValueError(f"{len(numbers)} numbers; a class with a box has 5, with an outline 7 or more")
    label, *places = numbers
    if not label.is_integer() or not 0 <= label < len(described.names):
        raise ValueError(f"class {words[0]}, where data.yaml names the classes 0 to {len(described.names) - 1}")
    if not all(-TOLERANCE <= place <= 1 + TOLERANCE for place in places) or (len(places) == 4 and min(places[2:]) < 0):
        raise ValueError("coordinates must be fractions of the picture, 0 to 1, not pixels")
    return (label, *places)


def _around(outline: Floats) -> tuple[float, ...]:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return (*((low + high) / 2), *(high - low))
