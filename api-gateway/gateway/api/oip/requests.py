"""Read an inference request: its images, its parameters, and the outputs it wants in which encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.api.oip.schemas import InferBody, InferOptions
from gateway.api.oip.several import about_image
from gateway.client_json import Document, bounds_for
from gateway.concurrency.off_loop import run_off_loop
from gateway.detection.image_size import check_bytes
from gateway.detection.parameters import NO_PARAMETERS, Parameters, json_fields, read_options
from gateway.errors import InvalidInferRequest, TooManyFiles
from gateway.intake.base64_text import decode_base64
from gateway.intake.look_alikes import refuse_look_alikes
from gateway.oip.layout import INPUT, OUTPUT_NAMES
from gateway.oip.messages import split_request, take_data, values_of
from gateway.oip.tensors import TensorError, TooManyElementsError, check_shape

#: Parameters of the protocol, its extensions and its clients that have no meaning here; so do all of Triton's.
_IGNORED = frozenset(
    {"content_type", "headers", "priority", "sequence_end", "sequence_id", "sequence_start", "timeout"}
)
_IGNORED_PREFIX = "triton_"
#: Bytes of a request that is read within a millisecond.
_SHORT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The most images of one request, and the most bytes of each."""

    images: int
    image_bytes: int


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A valid request; the images' headers have not been checked."""

    images: Sequence[bytes]
    parameters: Parameters
    #: The outputs to answer, in this order, each with whether as binary data.
    outputs: Mapping[str, bool]
    id: str | None = None


def read_raw(image: bytes, limits: Limits) -> InferRequest:
    """Read a request without a head: the body is the one image, and every output is answered in binary."""
    check_bytes(len(image), limits.image_bytes)
    refuse_look_alikes(image)
    return InferRequest([image], NO_PARAMETERS, dict.fromkeys(OUTPUT_NAMES, True))


async def read_request(body: bytes, head_length: int | None, limits: Limits) -> InferRequest:
    """Read a request as :func:`read_raw` or :func:`read_infer` does; a large one off the event loop."""
    if head_length == 0:
        return read_raw(body, limits)
    if len(body) <= _SHORT:
        return read_infer(body, head_length, limits)
    return await run_off_loop(read_infer, body, head_length, limits)


def read_infer(body: bytes, head_length: int | None, limits: Limits) -> InferRequest:
    """Read a request; ``head_length`` is the length of the JSON before the binary data, from the client's header.

    Raises :class:`~gateway.errors.InvalidInferRequest`, :class:`~gateway.errors.InvalidParameter`, and for the images
    :class:`~gateway.errors.TooManyFiles`, :class:`~gateway.errors.BodyTooLarge` and
    :class:`~gateway.errors.InvalidBase64`.
    """
    try:
        head, document, binary = split_request(body, head_length, bounds_for(limits.images))
        wanted = InferBody.model_validate(head)
        images = _images(head["inputs"], document, binary, limits)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where, message = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        raise InvalidInferRequest(f"The inference request is invalid: {where}: {message}.") from error
    except TensorError as error:
        raise InvalidInferRequest(f"The inference request cannot be read: {error}.") from error
    given = wanted.parameters or {}
    ours = {name: given[name] for name in given if name not in _IGNORED and not name.startswith(_IGNORED_PREFIX)}
    options = read_options(InferOptions, json_fields(ours))
    outputs = {
        output.name: (output.parameters or {}).get("binary_data", options.binary_data_output) is True
        for output in wanted.outputs or ()
    }
    return InferRequest(
        images,
        options,
        outputs or dict.fromkeys(OUTPUT_NAMES, options.binary_data_output),
        wanted.id,
    )


def _images(inputs: Sequence[Any], document: Document, binary: memoryview, limits: Limits) -> list[bytes]:
    try:
        (data,) = take_data(inputs, binary, limits.images)
        values = values_of("BYTES", data, limits.images)
    except TooManyElementsError as error:
        raise TooManyFiles(f"The request has too many images; at most {limits.images} are allowed.") from error
    check_shape(inputs[0]["shape"], len(values))
    if not values:
        raise TensorError("it has no images")
    images: list[bytes] = []
    for number, value in enumerate(values):
        with about_image(number, len(values)):
            images.append(_image(number, value, document, limits))
            refuse_look_alikes(images[-1])
    return images


def _image(number: int, value: Any, document: Document, limits: Limits) -> bytes:
    """Return an image's bytes from binary data, or in JSON from base64, a data: URL, or KServe's {"b64": …}."""
    if isinstance(value, bytes):
        check_bytes(len(value), limits.image_bytes)
        return value
    if isinstance(value, dict):
        value = value.get("b64")
    if not isinstance(value, str):
        raise TensorError(f"element {number} of '{INPUT}' is neither base64 text nor {{'b64': …}}")
    encoded = document.encoded(value)
    return decode_base64(value if encoded is None else encoded, limits.image_bytes)
