"""What is known of an image file before it is decoded, and why one may be refused."""

from __future__ import annotations

from dataclasses import dataclass

#: Variants that Pillow decodes in Python, value by value: a second per megapixel.
SLOW_MODES = ("text", "scaled", "run-length")
#: Segments of a JPEG, chunks of a PNG or WebP, blocks of a GIF, boxes of an AVIF: up to the image data, none of the
#: encoders that people use writes as many. A walk of so many takes about a millisecond.
MOST_PARTS = 1000


class Damaged(Exception):  # noqa: N818 - it says what the file is
    """The file is damaged, cut short, or built to be expensive. The message completes "the file is damaged: …"."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The format, the size as stored in pixels, and the Exif orientation, 1 to 8.

    `pixels` is the largest size that a part of the file announces: a frame may be larger than the canvas. `mode` is
    the variant of the format, for messages. `samples` are those that a pixel has, fewer than its components where
    they are subsampled; `bits` are those of a sample. `kept` are bytes per pixel that the decoder holds for the whole
    image in addition to the decoded one, such as a progressive JPEG's coefficients. The decoder can halve the size
    `halvings` times while it decodes. `scan` is the byte offset of a JPEG's first scan, of
    a JPEG 2000's first tile.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    pixels: int = 0
    bits: int = 8
    mode: str = ""
    samples: float = 3.0
    kept: float = 0.0
    halvings: int = 0
    scan: int = 0

    @property
    def is_slow(self) -> bool:
        """Return whether Pillow takes a hundred times as long for this variant as for others."""
        return self.mode in SLOW_MODES

    @property
    def is_sideways(self) -> bool:
        """Return whether the orientation swaps width and height."""
        return self.orientation in (5, 6, 7, 8)
