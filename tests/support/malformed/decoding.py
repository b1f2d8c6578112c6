"""The rule that tells damage which decoders legitimately tolerate from damage that must be refused.

A picture counts as malformed when neither Pillow nor OpenCV can decode all of it: Pillow with its refusal of truncated
files, OpenCV with any pixels at all. Many a flipped bit changes a colour and nothing else; that is a picture.
"""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import pi_heif
from PIL import Image

#: The gateway's own bound, MAX_IMAGE_PIXELS; beyond it nothing is decoded, here neither.
MOST_PIXELS = 64_000_000


def decodes(data: bytes) -> bool:
    """Say whether Pillow or OpenCV reads all of this picture."""
    pi_heif.register_heif_opener()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    return False
                picture.load()
                return True
    except Exception:  # whatever damaged bytes lead a parser to
        return _opencv_decodes(data)


def _opencv_decodes(data: bytes) -> bool:
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return bool(data) and cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False
    finally:
        cv2.utils.logging.setLogLevel(before)
