"""The memory that the model server takes to decode an image, at the highest point and with the decoded one.

The figures are bytes per pixel of the full image, measured with 16 megapixels of each variant and rounded up. The
decoded image is 3 bytes per pixel, twice for a moment. A decoder also has an address of 8 bytes for each row, which is
more than the pixels take where an image is narrow.
"""

from __future__ import annotations

from image_formats.facts import Facts

_USUAL = 6.2
#: Where the format decides: a strip of a TIFF is expanded to 4 bytes per pixel, and so are frames that Pillow decodes.
_BY_FORMAT: dict[str, float] = {"WEBP": 7.2, "TIFF": 10.2, "GIF": 8.2, "AVIF": 12.2, "HEIF": 10.2}
#: An animated WebP has two canvases. An AVIF of more than 8 bits has two bytes per sample, OpenJPEG has four.
_ANIMATED_WEBP, _DEEP_AVIF, _JPEG2000, _JPEG2000_SAMPLE = 11.2, 18.2, 5.2, 5.0
_DECODED = 3.2
#: Two images with their rows' addresses.
_ROW = 16.2


def decode_bytes(facts: Facts) -> int:
    """Return the bytes of memory that decoding the whole image takes."""
    match facts.format:
        case "JPEG2000":
            per_pixel = _JPEG2000 + _JPEG2000_SAMPLE * facts.samples
        case "WEBP" if facts.mode == "animated":
            per_pixel = _ANIMATED_WEBP
        case "AVIF" if facts.bits > 8:
            per_pixel = _DEEP_AVIF
        case "TIFF":
            per_pixel = _BY_FORMAT["TIFF"] + facts.kept
        case _:
            per_pixel = max(_BY_FORMAT.get(facts.format, _USUAL), _DECODED + facts.kept)
    return round(facts.pixels * per_pixel) + row_bytes(facts)


def row_bytes(facts: Facts) -> int:
    """Return the bytes that the addresses of an image's rows take, which may be turned by 90 degrees."""
    return round(max(facts.width, facts.height) * _ROW)
