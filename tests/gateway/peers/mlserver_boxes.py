"""A detector inside MLServer: our layout's columns, in JSON. What it finds is fixed, but for what a test asks of it."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

BOXES = [[245.31, 184.2, 456.8, 298.1], [10.0, 20.5, 700.25, 760.0]]


class Boxes(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (picture,) = Base64Codec.decode_input(payload.inputs[0])
        if not picture.startswith((b"\xff\xd8", b"\x89PNG")) or b"damaged" in picture:
            raise InferenceError("this is no picture: /home/secret/path")
        imgsz = getattr(payload.parameters, "imgsz", None)
        found = BOXES[:1] if imgsz == 320 else BOXES
        rows = len(found)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                NumpyCodec.encode_output("boxes", np.array(found, dtype=np.float32)),
                NumpyCodec.encode_output("scores", np.array([0.8912, 0.7404][:rows], dtype=np.float32)),
                NumpyCodec.encode_output("class_ids", np.array([0, 5][:rows], dtype=np.int64)),
                StringCodec.encode_output("labels", ["person", "bus"][:rows]),
            ],
        )
