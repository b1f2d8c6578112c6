"""The memory that decoding takes is what is computed from the header, in every format and variant."""

from __future__ import annotations

import subprocess
import sys

from tests.support import ROOT

#: In a process of its own, whose memory nothing else changes.
_MEASURE = """
import io
import numpy, pillow_heif
from PIL import Image
from tests.support.hostile.costs import measure
from yolo import image
from image_formats.inspect import read_facts
from image_formats.memory import decode_bytes
from image_formats.sniff import sniff

SIDE, SPARE = 1000, 4_000_000
grey = Image.linear_gradient("L").resize((SIDE, SIDE))
colour = Image.merge("RGB", (grey, grey.rotate(90), grey))
turned = Image.Exif()
turned[0x0112] = 6
column = colour.resize((1, SIDE**2))
clear = colour.convert("RGBA")
clear.putalpha(grey)
VARIANTS = [
    (colour, "JPEG", {}), (colour, "JPEG", {"exif": turned}), (grey, "JPEG", {}), (colour.convert("CMYK"), "JPEG", {}),
    (colour, "JPEG", {"progressive": True}), (colour, "JPEG", {"progressive": True, "subsampling": 0, "exif": turned}),
    (colour, "PNG", {}), (clear, "PNG", {"exif": turned}), (grey.convert("I;16"), "PNG", {}),
    (colour, "WEBP", {"method": 0}), (colour, "WEBP", {"method": 0, "lossless": True, "quality": 0}),
    (clear, "WEBP", {"method": 0, "save_all": True}),
    (colour, "BMP", {}), (colour, "TIFF", {"exif": turned}), (colour, "TIFF", {"compression": "tiff_lzw"}),
    (grey.convert("I;16"), "TIFF", {"compression": "tiff_adobe_deflate"}), (colour.quantize(64), "GIF", {}),
    (colour, "AVIF", {"speed": 10}), (clear, "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
    (colour, "HEIF", {}), (colour, "PPM", {}),
    (column, "PNG", {}), (column, "BMP", {}), (column, "TIFF", {"exif": turned}), (column, "PPM", {}),
    (grey, "JPEG2000", {}), (clear, "JPEG2000", {}), (colour, "JPEG2000", {"tile_size": (256, 256)}),
]
pillow_heif.register_heif_opener()
largest = 0
for warm in (True, False):
    for picture, kind, options in VARIANTS:
        out = io.BytesIO()
        picture = picture.resize((64, 64)) if warm else picture
        more = {"append_images": [picture.rotate(90)]} if "save_all" in options else {}
        picture.save(out, kind, **options, **more)
        data = out.getvalue()
        cost = measure(lambda: image.decode(data, 10**9))
        most = decode_bytes(read_facts(sniff(data), data)) + SPARE
        if isinstance(cost.result, Exception) or cost.memory > most:
            print(kind, options, cost.memory, most, cost.result if isinstance(cost.result, Exception) else "")
        largest = max(largest, cost.memory)
assert largest > 3 * SIDE * SIDE  # it is measured at all; a single variant may find memory that is free already
"""


def test_no_variant_takes_more_than_is_computed() -> None:
    environment = {
        "PYTHONPATH": f"{ROOT}:{ROOT}/common:{ROOT}/serving/torchserve",
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "1000000",
    }
    done = subprocess.run([sys.executable, "-c", _MEASURE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
