"""Ask with KServe's own client: the gateway's URL and a model's name, the picture on standard input.

Prints what the client returned.
"""

import asyncio
import base64
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


def binary(picture: bytes) -> InferInput:
    tensor = InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([picture], dtype=np.object_), binary_data=True)
    return tensor


async def main(url: str, model: str, picture: bytes) -> dict[str, object]:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=20))
    text = InferInput("image", [1], "BYTES", data=[base64.b64encode(picture).decode()])
    states = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model": await client.is_model_ready(url, model),
        "other model": await client.is_model_ready(url, "other"),
    }
    outputs = {}
    for name, tensor, parameters in (
        ("JSON", text, {"conf": 0.5}),
        ("binary image", binary(picture), {"conf": 0.5}),
        ("binary", binary(picture), {"conf": 0.5, "binary_data_output": True}),
    ):
        request = InferRequest(model, [tensor], request_id="k-1", parameters=parameters)
        answer = await client.infer(url, request, model_name=model)
        outputs[name] = {output.name: output.as_numpy().tolist() for output in answer.outputs}
    try:
        await client.infer(url, InferRequest(model, [binary(b"not an image")]), model_name=model)
    except httpx.HTTPStatusError as error:
        refused = f"{error.response.status_code} {error}"
    await client.close()
    return {"states": states, "outputs": outputs, "refused": refused}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], sys.stdin.buffer.read()))))
