"""Pictures that are built to be expensive: small files that cost a naive reader seconds of CPU time, or gigabytes.

Each module makes those of some formats, as (name, bytes); ``weight`` is the size in bytes of those that grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.support.hostile import isobmff, jpeg, jpeg2000, plain, png, tiff, webp

Pictures = Iterator[tuple[str, bytes]]
#: By Pillow's name of the format.
FORMATS: dict[str, Callable[[int], Pictures]] = {
    "JPEG": jpeg.pictures,
    "PNG": png.pictures,
    "WEBP": webp.pictures,
    "TIFF": tiff.pictures,
    "JPEG2000": jpeg2000.pictures,
    "AVIF": isobmff.avif,
    "HEIF": isobmff.heif,
    "GIF": plain.gif,
    "BMP": plain.bmp,
    "PPM": plain.ppm,
}
WEIGHT = 2_000_000


def hostile(kind: str, weight: int = WEIGHT) -> list[tuple[str, bytes]]:
    """Return the pictures of a format, with their names."""
    return [(f"{kind}: {name}", data) for name, data in FORMATS[kind](weight)]
