"""The style of annotated images: sizes relative to the image, a colour per class, readable text."""

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageFont

Colour = tuple[int, int, int]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
#: Pillow's built-in font is not readable below this height in pixels.
SMALLEST_FONT = 10
#: Share of the image's geometric mean side: 13 px of text on 640 × 480, 117 on 6000 × 4000.
_FONT_SHARE, _LINE_SHARE = 1 / 42, 1 / 280
#: One per class, then from the start again; distinct from each other and from most photographs. The page at / uses the
#: same (static/colours.js; a test compares them).
COLOURS = (
    *("#ff4d5e", "#2fa8ff", "#ffb300", "#19c37d", "#b06bff", "#ff7a2f", "#00c2c7", "#ff5fb7", "#a4d61e", "#6f7dff"),
    *("#f2e03c", "#b0703f", "#1f6fd6", "#0f8f5a", "#d0276f", "#8448dc", "#ffa9a3", "#8fd3ff", "#8a8f00", "#d9a3ff"),
)
_RGB: tuple[Colour, ...] = tuple((int(code[1:3], 16), int(code[3:5], 16), int(code[5:], 16)) for code in COLOURS)


@dataclass(frozen=True, slots=True)
class Style:
    """Sizes in pixels of the drawn image: of lines, text, the padding of text, and of a keypoint's radius."""

    line: int
    font_size: int
    padding: int
    dot: int


def style_for(width: int, height: int) -> Style:
    """Choose sizes for an image. They depend on its area and short side, so that a panorama has normal ones."""
    mean, short = math.sqrt(width * height), min(width, height)
    font_size = max(SMALLEST_FONT, min(round(mean * _FONT_SHARE), short // 6))
    line = max(1, min(round(mean * _LINE_SHARE), short // 20))
    return Style(line, font_size, max(1, font_size // 6), max(1, round(line * 1.5)))


def colour_of(class_id: int) -> Colour:
    """Return the colour of a class, which never changes."""
    return _RGB[class_id % len(_RGB)]


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever has the higher contrast ratio (WCAG 2) on a colour."""
    return BLACK if luminance(colour) > 0.179 else WHITE


def luminance(colour: Colour) -> float:
    """Return WCAG's relative luminance in [0, 1]."""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def percent(part: float) -> str:
    """Format a confidence as the page at / does."""
    return f"{part * 100:.0f} %"


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font, so that none is shipped. Raises OSError if Pillow was built without FreeType."""
    face = ImageFont.load_default(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise OSError("Pillow was built without FreeType")
    return face


@lru_cache(maxsize=1024)
def readable_name(name: str, class_id: int) -> str:
    """Return what the built-in font can write: the name, else the name without accents, else the class's number."""
    name = name.strip()[:60]
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    for text in (name, plain):
        if text and all(map(_has_glyph, text)):
            return text
    return f"#{class_id}"


@lru_cache(maxsize=2048)
def _has_glyph(letter: str) -> bool:
    if letter == " ":
        return True
    if not letter.isprintable():
        return False
    face = font(16)
    return bytes(face.getmask(letter)) != bytes(face.getmask("\uffff"))
