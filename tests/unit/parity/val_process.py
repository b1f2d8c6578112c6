"""Ultralytics' own `val`, in a process of its own: WEIGHTS DATA FOLDER, and the figures as JSON on the last line.

torchvision, which its validator imports, does not load beside a CPU-only torch; the process gets the substitute of the
benchmarks, whose only function is `nms`. Two things that do not belong to the measurement are switched off: a font for
plots, and the limit of NMS in seconds, which drops pictures on a slow machine. NMS begins with the boxes of the highest
scores, because random weights find tens of thousands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import ultralytics.data.utils
import ultralytics.utils.nms as nms
from ultralytics import YOLO


def quick(whole: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that answers as Ultralytics' NMS does.

    A box is removed only by boxes of higher scores: where the highest fill the answer, the others change nothing.
    """

    def suppress(prediction: Any, *given: Any, max_det: int, **named: Any) -> Any:
        boxes = prediction[0] if isinstance(prediction, list | tuple) else prediction  # else features follow them
        for most in (3_000, 30_000):
            found = whole(boxes.clone(), *given, max_det=max_det, max_time_img=1000.0, max_nms=most, **named)
            if all(len(kept) == max_det for kept in found):
                break
        return found

    return suppress


def main(weights: str, data: str, folder: str) -> None:
    ultralytics.data.utils.check_font = lambda font: None
    nms.non_max_suppression = quick(nms.non_max_suppression)
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
