"""All settings, collected from where they are declared, in the sections of the documentation.

The gateway declares its settings as pydantic fields, the model server as dataclass fields (`yolo.variables`), the
scripts and Compose as `Variable`. A setting that several processes read is declared once for each of them, because they
are installed apart; `contradictions` compares the declarations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.settings.compose_only import COMPOSE, GREEN_HANDLER_FROM, INFERENCE_BIND, TORCH_CUDA_INDEX
from deploy.settings.fields import of_gateway, of_model_server
from gateway.settings import Settings
from gateway.settings.auth import AuthSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.fetch import UrlSettings
from gateway.settings.limits import LimitSettings
from gateway.settings.model_server import BackendSettings
from gateway.settings.placement import PlacementSettings
from gateway.settings.service import ServiceSettings
from gateway.settings.shared import SharedSettings
from gateway.settings.tracing import TracingSettings
from ops.system.variables import (
    ALLOW_CUDA,
    BIND,
    COSIGN_KEY,
    COSIGN_PUBLIC_KEY,
    MODEL_STORE,
    NATIVE_PORTS,
    OBSERVABILITY,
    OBSERVABILITY_PORTS,
    PORTS,
    REGISTRY,
    TORCH_INDEX,
    TRUST_WEIGHTS,
    WEIGHTS,
    WEIGHTS_SHA256,
    Variable,
)
from server_settings import Placement, ServerSettings
from yolo.settings import Settings as WorkerSettings


@dataclass(frozen=True)
class Section:
    """A heading of the documentation and its settings. `intro` is Markdown."""

    title: str
    variables: Sequence[Variable]
    intro: str = ""


#: Compose and the scripts set these; the documentation leaves them out.
INTERNAL = (*of_gateway(PlacementSettings), *of_model_server(Placement))
SCRIPTS = (
    *(BIND, *PORTS, *NATIVE_PORTS, *OBSERVABILITY_PORTS, *OBSERVABILITY),
    *(WEIGHTS, WEIGHTS_SHA256, TRUST_WEIGHTS, MODEL_STORE, TORCH_INDEX, ALLOW_CUDA),
    *(REGISTRY, COSIGN_KEY, COSIGN_PUBLIC_KEY),
)
COMPOSE_READS = (
    *(BIND, *PORTS, *OBSERVABILITY_PORTS, *OBSERVABILITY, *COMPOSE),
    *(INFERENCE_BIND, GREEN_HANDLER_FROM, TORCH_INDEX, TORCH_CUDA_INDEX),
)
MODEL_SERVER = (*of_model_server(WorkerSettings), *of_model_server(ServerSettings))
#: Of the workers in native mode only: a container keeps no files.
(MODEL_CACHE_DIR,) = (variable for variable in MODEL_SERVER if variable.name == "MODEL_CACHE_DIR")

SECTIONS = (
    Section("Addresses and ports", (BIND, INFERENCE_BIND, *PORTS), "See [Network](network.md)."),
    Section("Weights", (WEIGHTS, WEIGHTS_SHA256, TRUST_WEIGHTS), "See [Security](security.md#weights-are-code)."),
    Section("Gateway and model server", of_gateway(SharedSettings)),
    Section(
        "Model server",
        [item for item in (*MODEL_SERVER, GREEN_HANDLER_FROM) if item.help and item != MODEL_CACHE_DIR],
        "See [Performance](performance.md) for workers, precision and large images, and [Blue/green](bluegreen.md) for "
        "the handler.",
    ),
    Section(
        "Connection to the model server",
        of_gateway(BackendSettings),
        "See [Other model servers](model-servers.md) for `BACKEND=oip`.",
    ),
    Section("Gateway", of_gateway(ServiceSettings)),
    Section("Images by URL", of_gateway(UrlSettings), "See [API](api.md#send-json-or-an-image-url)."),
    Section("Open network", of_gateway(LimitSettings), "See [Network](network.md)."),
    Section("Authentication", of_gateway(AuthSettings), "See [Authentication](auth.md)."),
    Section("Cache", of_gateway(CacheSettings), "See [Cache](cache.md)."),
    Section("Traces", of_gateway(TracingSettings), "See [Traces](observability.md#traces)."),
    Section(
        "Observability",
        (*OBSERVABILITY_PORTS, *OBSERVABILITY),
        "Of Prometheus and Alertmanager, see [Observability](observability.md#run-prometheus-and-alertmanager).",
    ),
    Section("Registry", (REGISTRY, COSIGN_KEY, COSIGN_PUBLIC_KEY), "See [Registry](registry.md)."),
    Section("Compose only", COMPOSE),
    Section("Native mode only", (*NATIVE_PORTS, MODEL_STORE, MODEL_CACHE_DIR)),
    Section(
        "Installation",
        (TORCH_INDEX, TORCH_CUDA_INDEX, ALLOW_CUDA),
        "In Compose these come from `.env` as well. Natively they are read from the environment only.",
    ),
)

#: Who reads a setting, by name.
READERS = {
    "gateway": {name.upper() for name in Settings.model_fields},
    "model server": {variable.name for variable in (*MODEL_SERVER, *of_model_server(Placement))},
    "scripts": {variable.name for variable in SCRIPTS},
    "Compose": {variable.name for variable in COMPOSE_READS},
}
_CONTAINER = [variable.name for variable in MODEL_SERVER if variable != MODEL_CACHE_DIR]
#: The settings that each Compose service gets.
SERVICES = {
    "torchserve": _CONTAINER,
    "torchserve-green": _CONTAINER,
    "api-gateway": [
        variable.name for section in SECTIONS for variable in section.variables if variable.name in READERS["gateway"]
    ],
}
#: The gateway accepts port 0 (any free port), which nobody could find behind Compose or the scripts.
OTHER_BOUNDS = {"GATEWAY_PORT"}
#: Every declaration, those that say the same for another process included.
DECLARED = (
    *(variable for kind in Settings.__bases__ for variable in of_gateway(kind)),
    *MODEL_SERVER,
    *INTERNAL,
    *SCRIPTS,
    *COMPOSE_READS,
)


def documented() -> dict[str, Variable]:
    """Return every setting of the documentation by name."""
    return {variable.name: variable for section in SECTIONS for variable in section.variables}


def contradictions(declared: Sequence[Variable] = DECLARED, sections: Sequence[Section] = SECTIONS) -> Iterator[str]:
    """Say, a line each, what the declarations do not agree on, and which ones the sections miss."""
    shown = [variable for section in sections for variable in section.variables]
    by_name = {variable.name: variable for variable in shown}
    for variable in shown:
        if not variable.help:
            yield f"{variable.name} has no help text"
    for name in sorted(by_name):
        if sum(variable.name == name for variable in shown) > 1:
            yield f"{name} is in two sections"
    internal = {variable.name for variable in INTERNAL}
    for name in sorted({variable.name for variable in declared} - by_name.keys() - internal):
        yield f"{name} is in no section of deploy/settings/declared.py"
    for variable in declared:
        other = by_name.get(variable.name, variable)
        if variable.default != other.default:
            yield f"{variable.name} has two defaults: {variable.default!r} and {other.default!r}"
        if variable.bounds != other.bounds and variable.name not in OTHER_BOUNDS:
            yield f"{variable.name} has two bounds: {variable.bounds!r} and {other.bounds!r}"
