"""A detector inside KServe's ModelServer: a picture in base64 in, an end-to-end head's padded rows out, in binary."""

from __future__ import annotations

import argparse
import base64

import numpy as np
from kserve import InferInput, InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput


class Rows(Model):
    def load(self) -> bool:
        self.ready = True
        return True

    async def get_input_types(self) -> list[dict[str, object]]:
        return [{"name": "picture", "datatype": "BYTES", "shape": [-1, 1]}]

    async def get_output_types(self) -> list[dict[str, object]]:
        return [{"name": "output0", "datatype": "FP32", "shape": [-1, 300, 6]}]

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        given: InferInput = payload.inputs[0]
        (encoded,) = given.as_numpy().ravel().tolist()
        if not base64.b64decode(encoded, validate=True).startswith(b"\xff\xd8"):
            raise InvalidInput("this is no picture: /home/secret/path")
        rows = np.zeros((1, 300, 6), dtype=np.float32)
        rows[0, 0] = [245.31, 184.2, 456.8, 298.1, 0.8912, 0]
        rows[0, 1] = [10.0, 20.5, 700.25, 760.0, 0.7404, 5]
        output = InferOutput("output0", list(rows.shape), "FP32")
        output.set_data_from_numpy(rows, binary_data=True)
        return InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    model = Rows("yolo")
    model.load()
    ModelServer(http_port=parser.parse_args().port, enable_grpc=False, workers=1).start([model])
