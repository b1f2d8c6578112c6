"""The pictures for int8 calibration: find and check them, hold some back, and make them the input of the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ops.errors import OpsError
from ops.paths import PICTURE_SUFFIXES
from ops.terminal.console import say
from yolo import image, letterbox, results, settings
from yolo.errors import RequestError
from yolo.letterbox import Floats
from yolo.metadata import Metadata

# YOLOv8n, calibrated with COCO photos, agrees on other photos by 90 % (1 photo), 92 % (2), 93-95 % (4 or more).
FEWEST = 8
# More make no measurable difference, and each is read twice and inferred about ten times.
MOST = 300
# With so many or more, a quarter is held back: the agreement is measured on pictures that calibration has not seen.
HELD_BACK_FROM = 24
MOST_HELD_BACK = 100


@dataclass(frozen=True)
class Pictures:
    """The pictures to calibrate with and those to compare on; the same if there are too few to hold some back."""

    calibrating: Sequence[Path]
    comparing: Sequence[Path]

    @property
    def held_back(self) -> bool:
        """Whether the comparison is on pictures that calibration does not see."""
        return self.comparing is not self.calibrating


def find(folder: Path) -> list[Path]:
    """Return the picture files in a folder and below it, by name. Raises OpsError if the folder cannot be read."""
    if not folder.is_dir():
        raise OpsError(f"--calibration {folder}: there is no such folder. Name one with pictures like those to serve")
    try:
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    except OSError as error:
        raise OpsError(f"--calibration {folder} cannot be read: {error.strerror}. Check who owns it: ls -l") from error


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` of the paths, evenly from first to last: neighbours by name are often near-duplicates."""
    if len(paths) <= count:
        return list(paths)
    return [paths[index * len(paths) // count] for index in range(count)]


def share(paths: Sequence[Path]) -> Pictures:
    """Choose the pictures to calibrate with and, where there are enough, others to compare on."""
    chosen = spread(paths, MOST + MOST_HELD_BACK)
    if len(chosen) < HELD_BACK_FROM:
        return Pictures(chosen, chosen)
    return Pictures([path for index, path in enumerate(chosen) if index % 4 != 3], chosen[3::4])


def readable(
    paths: Sequence[Path], max_pixels: int, tell: Callable[[str], None] = lambda _: None
) -> tuple[list[Path], list[str]]:
    """Return the pictures that can be decoded, and a line for each that cannot. `tell` is called with the progress."""
    good, bad = [], []
    for number, path in enumerate(paths, 1):
        tell(f"{number} of {len(paths)}")
        try:
            image.decode(path.read_bytes(), max_pixels)
        except (RequestError, OSError) as error:
            bad.append(f"{path.name}: {error.strerror if isinstance(error, OSError) else error}")
        else:
            good.append(path)
    return good, bad


def gather(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Pictures:
    """Find, check and divide the pictures of a folder. Raises OpsError that says what is wrong with it."""
    found = find(folder)
    good, bad = readable(spread(found, MOST + MOST_HELD_BACK), max_pixels(), tell)
    examples = "".join(f"\n    {line}" for line in bad[:3])
    if len(good) >= FEWEST:
        if bad:
            say(f"  {len(bad)} of {len(good) + len(bad)} pictures cannot be read and are left out:{examples}")
        return share(good)
    if bad:
        raise OpsError(
            f"--calibration {folder}: {len(bad)} of {len(good) + len(bad)} pictures cannot be read, and at least "
            f"{FEWEST} good ones are needed:{examples}\n  Repair or replace them"
        )
    raise OpsError(
        f"--calibration {folder} holds {len(good) or 'no'} picture{'s' * (len(good) != 1)}; at least {FEWEST} are "
        f"needed ({', '.join(sorted(PICTURE_SUFFIXES))}), and 100 or more like those to be served are better"
    )


def max_pixels() -> int:
    """Return the server's limit of pixels in a picture."""
    return settings.read(os.environ).max_image_pixels


def network_input(path: Path, model: Metadata) -> Floats:
    """Return a picture as the IR takes it: (1, C, H, W) float32 of 0..1, letterboxed as the server does it.

    The server passes the same pixels as uint8 (N, H, W, C) to a graph that begins with the conversion.
    """
    picture = image.decode(path.read_bytes(), max_pixels(), model.channels)
    size = (picture.shape[0], picture.shape[1])
    stretched = model.head == results.RTDETR
    place = letterbox.stretch(size, model.imgsz) if stretched else letterbox.fit(size, model.imgsz, model.stride)
    pixels = letterbox.apply(picture, place).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)
