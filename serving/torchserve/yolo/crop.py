"""The input of classification: the resize and centre crop of the training."""

from __future__ import annotations

import numpy as np
from PIL import Image

from yolo.letterbox import Pixels

# Above this ratio only the cropped part is resampled, which may round a pixel differently.
SLIMMEST = 20


def crop_centre(image: Pixels, target: tuple[int, int]) -> Pixels:
    """Scale the shorter side of an (H, W, C) image to `target` (height, width) and crop its centre.

    This is torchvision's `Resize` + `CenterCrop` as Ultralytics uses them; a target that is not square is filled
    without keeping the aspect ratio.
    """
    height, width = image.shape[:2]
    if target[0] != target[1]:
        resized_height, resized_width = target
    elif width <= height:
        resized_height, resized_width = int(target[0] * height / width), target[1]
    else:
        resized_height, resized_width = target[0], int(target[1] * width / height)
    top, left = round((resized_height - target[0]) / 2.0), round((resized_width - target[1]) / 2.0)
    picture = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
    if max(resized_height / target[0], resized_width / target[1]) <= SLIMMEST:
        whole = picture.resize((resized_width, resized_height), Image.Resampling.BILINEAR)
        cut = whole.crop((left, top, left + target[1], top + target[0]))
    else:
        # Resample only the cropped part: a 1 x 1 000 000 image would first become 224 x 224 000 000.
        per_row, per_column = height / resized_height, width / resized_width
        right, bottom = min((left + target[1]) * per_column, width), min((top + target[0]) * per_row, height)
        box = (left * per_column, top * per_row, right, bottom)
        cut = picture.resize((target[1], target[0]), Image.Resampling.BILINEAR, box=box)
    return np.array(cut, dtype=np.uint8).reshape(*target, image.shape[2])
