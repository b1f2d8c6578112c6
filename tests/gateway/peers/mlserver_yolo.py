"""Our own handler's modules inside MLServer: an unpacked archive served without TorchServe, decode to NMS and all.

The environment variable YOLO_ARCHIVE names the unpacked archive, YOLO_LIBRARIES the site-packages with OpenVINO.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse

ARCHIVE = Path(os.environ["YOLO_ARCHIVE"])
sys.path.insert(0, str(ARCHIVE))
sys.path.append(os.environ["YOLO_LIBRARIES"])  # at the end: what MLServer has of its own stays

from yolo import engines, metadata, parameters, requests, settings  # noqa: E402
from yolo.pipeline import Pipeline, Request  # noqa: E402


class Yolo(MLModel):
    async def load(self) -> bool:
        configured = settings.read(os.environ)
        self.archive = metadata.read(ARCHIVE)
        engine = engines.load(ARCHIVE, self.archive, configured, None)
        self.pipeline = Pipeline(engine, self.archive, configured.max_image_pixels, configured.fast_decode)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (picture,) = Base64Codec.decode_input(payload.inputs[0])
        given = {} if payload.parameters is None else payload.parameters.model_dump(exclude_none=True)
        (outcome,) = self.pipeline.run([Request(picture, parameters.parse(given, self.archive))])
        if outcome.error is not None:
            raise MLServerError(str(outcome.error))
        (answer,) = requests.answer(outcome, self.archive, self.name)
        detections = [
            {"confidence": box["conf"], "class": box["name"], "bbox": box["xyxy"], "class_id": box["cls"]}
            for box in answer["boxes"]
        ]
        document = {**{key: answer[key] for key in ("image", "model", "task", "timings_ms")}, "detections": detections}
        outputs = [StringCodec.encode_output("detections", [json.dumps(document)])]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
