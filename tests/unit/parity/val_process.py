"""Ultralytics' own `val`, in a process of its own: WEIGHTS DATA FOLDER, and the figures as JSON on the last line.

torchvision, which its validator imports, does not load beside a CPU-only torch; the process gets the substitute of the
benchmarks, whose only function is `nms`. Two things that do not belong to the measurement are switched off: a font for
plots, and the limit of NMS in seconds, which drops pictures on a slow machine.
"""

from __future__ import annotations

import functools
import json
import sys

import ultralytics.data.utils
import ultralytics.utils.nms as nms
from ultralytics import YOLO


def main(weights: str, data: str, folder: str) -> None:
    ultralytics.data.utils.check_font = lambda font: None
    nms.non_max_suppression = functools.partial(nms.non_max_suppression, max_time_img=1000.0)
    found = YOLO(weights).val(data=data, device="cpu", plots=False, workers=0, project=folder, verbose=False)
    classes = {
        found.names[index]: [
            int(found.nt_per_image[index]),
            int(found.nt_per_class[index]),
            *map(float, found.class_result(place)[:4]),
        ]
        for place, index in enumerate(found.ap_class_index)
    }
    print(json.dumps({"all": [float(value) for value in found.mean_results()[:4]], "classes": classes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
