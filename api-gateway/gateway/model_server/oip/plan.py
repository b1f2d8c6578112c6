"""How to ask one model of one server: worked out from what the server and the model tell of themselves."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.detection.parameters import Parameters
from gateway.model_server.errors import BackendError
from gateway.model_server.oip.results import DOCUMENT
from gateway.oip.layout import BINARY_EXTENSION, INPUT
from gateway.oip.messages import join
from gateway.oip.tensors import pack

Encoding = Literal["auto", "binary", "json"]
#: Servers that read binary data and do not say so among their extensions (lower case). KServe's ModelServer is none of
#: them: it reads the extension, and then turns the elements of BYTES into UTF-8, which no picture survives.
BINARY_SERVERS = ("openvino",)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request must look like. ``shape`` is that of one picture: [1], or [1, 1] where there is a batch."""

    input: str = INPUT
    shape: Sequence[int] = (1,)
    binary: bool = True
    #: The one output that has everything, where the server is a gateway such as this one; else all that there are.
    output: str | None = None
    versions: Sequence[str] = ()
    #: What the model tells of itself, for GET /models.
    details: Mapping[str, Any] | None = None

    def request(self, image: bytes, parameters: Parameters, request_id: str) -> tuple[bytes, int | None]:
        """Return the body, and its head's length if binary data follows it."""
        tensor: dict[str, Any] = {"name": self.input, "datatype": "BYTES", "shape": list(self.shape)}
        binary: list[bytes] = []
        given = parameters.given()
        if self.binary:
            binary.append(pack("BYTES", [image]))
            tensor["parameters"] = {"binary_data_size": len(binary[0])}
            given["binary_data_output"] = True
        else:
            # MLServer's name for base64. To others it is a string, which is all that JSON has, for the model to decode.
            tensor["parameters"] = {"content_type": "base64"}
            tensor["data"] = [base64.b64encode(image).decode()]
        head: dict[str, Any] = {"id": request_id, "inputs": [tensor]}
        if given:
            head["parameters"] = given
        if self.output is not None:
            head["outputs"] = [{"name": self.output, "parameters": {"binary_data": self.binary}}]
        return join(head, binary)


def make_plan(server: object, model: object, encoding: Encoding) -> Plan:
    """Work it out from the answers of ``GET /v2`` (None if there is none) and ``GET /v2/models/MODEL``.

    A model that tells nothing of its tensors gets one BYTES tensor named ``image``. Raises
    :class:`~gateway.model_server.errors.BackendError` for one that takes no encoded picture.
    """
    if not isinstance(model, dict):
        raise BackendError("the server's answer describes no model")
    try:
        chosen = _input(model.get("inputs") or [])
        outputs = [str(output["name"]) for output in model.get("outputs") or []]
        versions = [str(version) for version in model.get("versions") or []]
        details = {key: model[key] for key in ("platform", "inputs", "outputs") if model.get(key)}
    except (KeyError, TypeError, AttributeError) as error:
        raise BackendError(f"the server's answer describes no model: {error!r}") from error
    return Plan(
        *chosen,
        binary=encoding == "binary" or (encoding == "auto" and _reads_binary(server)),
        output=DOCUMENT if DOCUMENT in outputs else None,
        versions=versions,
        details=details,
    )


def _input(inputs: Sequence[Mapping[str, Any]]) -> tuple[str, Sequence[int]]:
    if not inputs:
        return INPUT, (1,)
    taking = [tensor for tensor in inputs if tensor.get("datatype") == "BYTES"]
    if len(inputs) > 1 or not taking:
        described = ", ".join(f"{tensor.get('name')} {tensor.get('datatype')}" for tensor in inputs)
        raise BackendError(f"the model takes {described}; it must take encoded pictures: one input of BYTES")
    return str(taking[0]["name"]), (1,) * max(1, len(taking[0].get("shape") or ()))


def _reads_binary(server: object) -> bool:
    if not isinstance(server, dict):
        return False
    extensions = server.get("extensions")
    if isinstance(extensions, list) and BINARY_EXTENSION in extensions:
        return True
    return str(server.get("name")).lower().startswith(BINARY_SERVERS)
