"""The annotated image that a client wants."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["jpeg", "png", "webp"]

DEFAULT_QUALITY = 90
#: The longest side that a format can hold, in pixels; longer images are drawn smaller.
LONGEST: dict[Format, int] = {"jpeg": 65_500, "png": 65_500, "webp": 16_383}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The annotated image's format, quality (1 to 100; PNG has none), and longest side in pixels (None: unchanged)."""

    format: Format = "jpeg"
    quality: int = DEFAULT_QUALITY
    max_side: int | None = None

    @property
    def media_type(self) -> str:
        """The Content-Type of such an image."""
        return f"image/{self.format}"

    @property
    def longest(self) -> int:
        """The longest side that the annotated image may have, in pixels."""
        return min(self.max_side or LONGEST[self.format], LONGEST[self.format])
