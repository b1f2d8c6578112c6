"""Pictures made on the spot: none of anyone else's is kept in the repository."""

from __future__ import annotations

import io

import pillow_heif
from PIL import Image


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), exif_orientation: int | None = None) -> bytes:
    """Encode a gradient of ``size`` (width, height)."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    if kind == "HEIF":  # Pillow writes none itself
        pillow_heif.from_pillow(image).save(out)
        return out.getvalue()
    options = {}
    if exif_orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = exif_orientation
        options["exif"] = exif
    image.save(out, kind, **options)
    return out.getvalue()
