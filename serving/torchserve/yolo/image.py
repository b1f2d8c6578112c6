"""Decode an image's bytes to an upright RGB array: the pixels that Ultralytics would see.

OpenCV decodes, as in Ultralytics' loader. Its behaviour, tested with 4.13: EXIF orientation is applied (JPEG, PNG,
WebP, TIFF); CMYK and grey become RGB; palettes are expanded; alpha is dropped, not blended; 16-bit samples keep their
high byte; of several pages or frames the first one is read. It ignores the rotation of an AVIF, so Pillow decodes AVIF
and GIF, and the formats that only Pillow reads (HEIC: libheif applies the rotation). The networks take RGB, which costs
the decoder nothing.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from image_formats import jpeg
from image_formats.facts import Facts
from yolo import header
from yolo.errors import InvalidImage, UnsupportedImage
from yolo.letterbox import Pixels

_BY_PILLOW = ("GIF", "AVIF", "HEIF")
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_ROWS = 256
_FILLER = bytes(range(1, 65))
# libjpeg's scaled decoding, and OpenCV's flag for each: at 1/8 one coefficient of 64 is transformed.
_REDUCED = {8: 64, 4: 32, 2: 16}

# OpenCV writes a page to stderr for each damaged file; the error of the request says it in one line.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes | bytearray, max_pixels: int, channels: int = 3, max_bytes: int | None = None) -> Pixels:
    """Return the upright image as (H, W, channels) uint8: RGB when `channels` is 3, grey when it is 1.

    `max_pixels` bounds width × height in the header, and `max_bytes` the memory that decoding takes, before a pixel is
    decoded. Raises InvalidImage (empty, damaged or
    truncated), UnsupportedImage (a known format or sample type that is not supported) or ImageTooLarge.
    """
    return _decode(data, header.read(data, max_pixels, max_bytes), channels)


def _decode(data: bytes | bytearray, head: Facts, channels: int, reduced: int = 0) -> Pixels:
    """Decode a file whose header was checked; `reduced` is OpenCV's flag for a scaled decode."""
    stop = jpeg.find_end(data, head.scan) if head.format == "JPEG" else 0
    if stop < 0:
        raise InvalidImage("The JPEG is truncated, its end is missing: send the whole file")
    if head.format in _BY_PILLOW:
        return _pillow(data, head, channels)
    pixels = _opencv(data, channels, reduced)
    if pixels is None:
        if head.is_slow:
            raise InvalidImage(f"The {head.format} file is damaged or truncated: send the whole file")
        return _pillow(data, head, channels)
    if head.format == "JPEG" and _has_grey_corner(pixels):
        # Bytes inserted before the end marker change the image only if the decoder was still waiting for data; a
        # complete image ignores them. The first image makes room for the second, which is the same if they are alike.
        first = hashlib.blake2b(pixels.data).digest()
        del pixels
        pixels = _opencv(b"".join((data[:stop], _FILLER, data[stop:])), channels, reduced)
        if pixels is None or hashlib.blake2b(pixels.data).digest() != first:
            raise InvalidImage("The JPEG is truncated, part of its image data is missing: send the whole file")
    return pixels


def decode_reduced(
    data: bytes | bytearray, max_pixels: int, channels: int, target: tuple[int, int], max_bytes: int | None = None
) -> tuple[Pixels, tuple[int, int]]:
    """Decode a JPEG much larger than `target` (height, width) at 1/2, 1/4 or 1/8 of its size, never below `target`.

    Returns the upright image and the (height, width) of the full one. Other formats, and images too small for a
    reduction, are decoded in full. Raises the errors of `decode`. The pixels differ from those of a full decode
    followed by a resize: boxes move a little.
    """
    head = header.read(data, max_pixels, max_bytes)
    # However EXIF rotates the image, its reduced longest side still fills the target's.
    factor = next((factor for factor in _REDUCED if max(head.width, head.height) >= factor * max(target)), 1)
    if head.format != "JPEG" or factor == 1:
        pixels = _decode(data, head, channels)
        return pixels, (pixels.shape[0], pixels.shape[1])
    pixels = _decode(data, head, channels, _REDUCED[factor])
    # The header has the sides of the stored image; EXIF may have rotated it. If the two sides differ by less than a
    # reduced pixel the rotation cannot be detected, and the mistake moves a box by less than that.
    stored = (head.height, head.width)
    rotated = pixels.shape[:2] != tuple(-(-side // factor) for side in stored)
    return pixels, (head.width, head.height) if rotated else stored


def _opencv(data: bytes | bytearray, channels: int, reduced: int = 0) -> Pixels | None:
    flag = (cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE) | reduced
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flag)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype != np.uint8:
        return None
    return np.asarray(pixels, dtype=np.uint8).reshape(*pixels.shape[:2], channels)


def _pillow(data: bytes | bytearray, head: Facts, channels: int) -> Pixels:
    """Decode the first frame, upright. Raises InvalidImage when damaged, UnsupportedImage for deep samples."""
    try:
        header.register_decoder(head.format)
        with Image.open(io.BytesIO(data), formats=(head.format,)) as picture:
            mode = picture.mode
            if mode in _EIGHT_BIT:
                ImageOps.exif_transpose(picture, in_place=True)
                pixels = _to_array(picture, channels)
    except Exception as error:  # damaged bytes make Pillow's decoders raise any error
        raise InvalidImage(f"The {head.format} file is damaged or truncated: send the whole file") from error
    if mode not in _EIGHT_BIT:
        raise UnsupportedImage(f"{head.format} files with {mode} samples are not supported: send 8 bits per sample")
    return pixels


def _to_array(picture: Image.Image, channels: int) -> Pixels:
    """Convert some rows at a time: all at once takes three copies of the image."""
    width, height = picture.size
    pixels = np.empty((height, width, channels), dtype=np.uint8)
    for top in range(0, height, _ROWS):
        rows = picture.crop((0, top, width, min(height, top + _ROWS))).convert("RGB" if channels == 3 else "L")
        pixels[top : top + _ROWS] = np.asarray(rows, dtype=np.uint8).reshape(rows.height, width, channels)
    return pixels


def _has_grey_corner(pixels: Pixels) -> bool:
    """Return whether a corner is exactly mid-grey, as libjpeg fills missing data (any corner: EXIF rotates)."""
    corners = (pixels[:4, :4], pixels[:4, -4:], pixels[-4:, :4], pixels[-4:, -4:])
    return any(bool((corner == 128).all()) for corner in corners)
