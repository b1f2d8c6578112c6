"""BentoML + `YOLO(best.pt)`: a service class with one API, as in BentoML's own YOLO example.

That example forwards the image from one service to a second one that holds the model. Here one service does both,
which saves BentoML a hop. `workers` copies use every CPU, as its documentation on workers says. No adaptive batching:
Ultralytics would pad the images of a batch to one shape.
"""

import os
from pathlib import Path

import bentoml
import predictor


@bentoml.service(workers=int(os.environ["WORKERS"]), traffic={"timeout": 60})
class Yolo:
    """One copy of the model per worker."""

    def __init__(self) -> None:
        self.model = predictor.load()

    @bentoml.api
    def predict(self, file: Path) -> list[dict]:
        """Return the boxes of one uploaded image."""
        return predictor.detect(self.model, predictor.decode(file.read_bytes()))
