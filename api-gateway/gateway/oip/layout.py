"""The tensors for images and detections, as ``GET /v2/models/MODEL`` describes them.

The layout is the same for one image and for several: detections are listed over all images, in their order, and
``count`` and ``image_index`` assign them to images.
"""

from dataclasses import dataclass
from typing import Any

INPUT = "image"
PLATFORM = "yolo_gateway"
#: Triton's name of the binary tensor data extension.
BINARY_EXTENSION = "binary_tensor_data"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; a size of -1 is known only in the answer. ``description`` is for people."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    description: str

    def describe(self) -> dict[str, Any]:
        """Return its metadata in the protocol, with ``description`` in addition."""
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": list(self.shape),
            "description": self.description,
        }


INPUTS = (Tensor(INPUT, "BYTES", (-1,), "Encoded images (JPEG, PNG…); in JSON base64 or {'b64': …}"),)
#: P images, N detections over all of them, best first within each image.
OUTPUTS = (
    Tensor("detections", "BYTES", (-1,), "[P] the JSON that POST /predict answers for each image"),
    Tensor("boxes", "FP32", (-1, 4), "[N,4] x1, y1, x2, y2 in pixels of the upright image"),
    Tensor("scores", "FP32", (-1,), "[N] confidence, 0 to 1"),
    Tensor("class_ids", "INT64", (-1,), "[N] class by number"),
    Tensor("labels", "BYTES", (-1,), "[N] class by name, UTF-8"),
    Tensor("image_index", "INT64", (-1,), "[N] index of the image in the request, from 0"),
    Tensor("count", "INT64", (-1,), "[P] detections in each image"),
    Tensor("image_size", "INT64", (-1, 2), "[P,2] width and height of each upright image"),
)
OUTPUT_NAMES = tuple(output.name for output in OUTPUTS)


def model_metadata(name: str, versions: list[str]) -> dict[str, Any]:
    """Describe the model to a client of the protocol."""
    return {
        "name": name,
        "versions": versions,
        "platform": PLATFORM,
        "inputs": [tensor.describe() for tensor in INPUTS],
        "outputs": [tensor.describe() for tensor in OUTPUTS],
    }
