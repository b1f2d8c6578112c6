"""Read an inference request: which pictures, how to look at them, which outputs in which encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.api.oip.several import about_picture
from gateway.detection.parameters import Parameters, json_pairs, read_parameters
from gateway.detection.sources import check_size
from gateway.errors import InvalidInferRequest, TooManyFiles, printable
from gateway.intake.json_body import decode_picture, most_json_marks
from gateway.oip.layout import INPUT, OUTPUT_NAMES
from gateway.oip.messages import split, take_data, values_of
from gateway.oip.tensors import TensorError, TooManyElementsError, check_shape

#: Parameters that belong to the protocol, its extensions and its clients, and mean nothing here.
_NOT_OURS = frozenset(
    {
        "binary_data_output",
        "content_type",
        "headers",
        "priority",
        "sequence_end",
        "sequence_id",
        "sequence_start",
        "timeout",
    }
)
_NOT_OURS_PREFIX = "triton_"
LONGEST_ID = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """The most pictures of one request, and the most bytes of each."""

    images: int
    image_bytes: int


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request that fits the protocol and the model; the pictures' headers have not been looked at."""

    images: Sequence[bytes]
    parameters: Parameters
    #: The outputs to answer, in this order, each with whether as binary data.
    outputs: Mapping[str, bool]
    id: str | None = None


def read_raw(image: bytes, limits: Limits) -> InferRequest:
    """Read a request without a head: the body is the one picture, and every output is answered in binary."""
    return InferRequest([_picture(0, image, limits)], read_parameters(()), dict.fromkeys(OUTPUT_NAMES, True))


def read_infer(body: bytes, head_length: int | None, limits: Limits) -> InferRequest:
    """Read a request; ``head_length`` is what the client's header says of the JSON before the binary data.

    Raises :class:`~gateway.errors.InvalidInferRequest` for what breaks the protocol or asks for tensors that there
    are not, :class:`~gateway.errors.InvalidParameter`, and for the pictures :class:`~gateway.errors.TooManyFiles`,
    :class:`~gateway.errors.BodyTooLarge` and :class:`~gateway.errors.InvalidBase64`.
    """
    try:
        head, binary = split(body, head_length, most_json_marks(limits.images))
        images = _images(_list(head, "inputs"), binary, limits)
    except TensorError as error:
        raise InvalidInferRequest(f"The inference request cannot be read: {error}.") from error
    parameters = _mapping(head.get("parameters"))
    identity = head.get("id")
    # Printable, because it goes back: JSON can smuggle in halves of surrogate pairs, which UTF-8 cannot write.
    if identity is not None and not (
        isinstance(identity, str) and len(identity) <= LONGEST_ID and identity.isprintable()
    ):
        raise InvalidInferRequest(f"'id' is printable text of at most {LONGEST_ID} characters.")
    outputs = _outputs(_list(head, "outputs"), parameters.get("binary_data_output") is True)
    return InferRequest(images, _parameters(parameters), outputs, identity)


def _images(inputs: Sequence[Any], binary: memoryview, limits: Limits) -> list[bytes]:
    if len(inputs) != 1 or not isinstance(inputs[0], dict) or inputs[0].get("name") != INPUT:
        raise TensorError(f"it takes exactly one input, with the name '{INPUT}'")
    (tensor,) = inputs
    if tensor.get("datatype") != "BYTES":
        raise TensorError(
            f"the input '{INPUT}' has the datatype BYTES (encoded pictures, not pixels), "
            f"and {printable(str(tensor.get('datatype')))} was sent"
        )
    shape = tensor.get("shape")
    if not isinstance(shape, list):
        raise TensorError(f"the input '{INPUT}' has no shape; it is [1] for one picture")
    try:
        (data,) = take_data(inputs, binary, limits.images)
        values = values_of("BYTES", data, limits.images)
    except TooManyElementsError as error:
        raise TooManyFiles(f"The request has too many pictures; at most {limits.images} are taken at once.") from error
    check_shape(shape, len(values))
    if not values:
        raise TensorError("it has no pictures")
    images: list[bytes] = []
    for number, value in enumerate(values):
        with about_picture(number, len(values)):
            images.append(_picture(number, value, limits))
    return images


def _picture(number: int, value: Any, limits: Limits) -> bytes:
    """Take binary data as it is; from JSON base64, by itself, as a data: URL, or as KServe writes it, {"b64": …}."""
    if isinstance(value, bytes):
        check_size(len(value), limits.image_bytes)
        return value
    if isinstance(value, dict):
        value = value.get("b64")
    if not isinstance(value, str):
        raise TensorError(f"element {number} of '{INPUT}' is neither base64 text nor {{'b64': …}}")
    return decode_picture(value, limits.image_bytes)


def _parameters(given: Mapping[str, Any]) -> Parameters:
    ours = {
        name: value for name, value in given.items() if name not in _NOT_OURS and not name.startswith(_NOT_OURS_PREFIX)
    }
    return read_parameters(json_pairs(ours))


def _outputs(wanted: Sequence[Any], binary: bool) -> dict[str, bool]:
    if not wanted:
        return dict.fromkeys(OUTPUT_NAMES, binary)
    outputs: dict[str, bool] = {}
    for entry in wanted:
        name = entry.get("name") if isinstance(entry, dict) else None
        if name not in OUTPUT_NAMES:
            raise InvalidInferRequest(
                f"There is no output {printable(str(name))}; there are {', '.join(OUTPUT_NAMES)}."
            )
        outputs[name] = _mapping(entry.get("parameters")).get("binary_data", binary) is True
    return outputs


def _list(head: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = head.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInferRequest(f"'{key}' is a list of tensors.")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInferRequest("'parameters' is a JSON object.")
    return value
