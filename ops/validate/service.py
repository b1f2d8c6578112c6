"""The running service as it is measured: the model that the gateway describes, and its answers for many pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from ops.errors import NotRunningError, NotServingError, OpsError
from ops.paths import MODEL
from ops.predict.at_once import at_once
from ops.predict.client import Gateway, RefusedError, Reply, no_answer, read_document
from ops.validate.metrics import Metrics
from ops.validate.pictures import Frame, Framed, UnreadableError, encode

DEFAULT_STRIDE = 32
#: The largest `imgsz` of a request.
LARGEST_SIDE = 2048
#: The head of RT-DETR, which stretches pictures to its square, in `yolo val` as well.
STRETCHING = "RTDETRDecoder"


@dataclass(frozen=True)
class Model:
    """What `GET /models` says of the version that answers."""

    name: str
    version: str | None
    task: str
    names: Mapping[int, str]
    frame: Frame | None  # None if it stretches its pictures, or takes too large ones
    described: bool  # whether it says what it takes: one that is busy or not loaded says nothing


async def describe(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], name: str | None, version: str | None
) -> Model:
    """Ask the gateway which model it serves. Raises OpsError."""
    try:
        response = await client.get(f"{url}/models", headers=headers)
    except httpx.HTTPError as error:
        raise no_answer(url, error) from error
    return choose(read_document(response), name, version)


def choose(listed: Mapping[str, Any], name: str | None, version: str | None) -> Model:
    """Return the named model, or the only one, or `yolo`, of an answer to `GET /models`. Raises OpsError."""
    try:
        models = {str(model["name"]): model["versions"] for model in listed["models"]}
        wanted = name or (MODEL if MODEL in models or not models else next(iter(models)))
        if wanted not in models:
            raise OpsError(f"the gateway serves no model {wanted}. It serves {', '.join(models) or 'none'}")
        versions = {str(one["version"]): one for one in models[wanted]}
        current = next((label for label, one in versions.items() if one.get("default")), None)
        chosen = version or current
        if chosen not in versions:
            raise OpsError(
                f"version {chosen} of {wanted} is not loaded. Loaded: {', '.join(versions) or 'none'}"
                if version
                else f"the gateway has no version of {wanted} to ask. See bash scripts/status.sh"
            )
        return _read(wanted, chosen, versions[chosen].get("details") or {})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise OpsError("the gateway's GET /models describes no models. Is another program on that port?") from error


def _read(name: str, version: str | None, details: Mapping[str, Any]) -> Model:
    frame = None
    sides = details.get("imgsz")
    if sides and details.get("head") != STRETCHING:
        frame = Frame(max(map(int, sides)), int(details.get("stride") or DEFAULT_STRIDE))
        frame = frame if frame.padded_side <= LARGEST_SIDE else None
    names = {int(number): str(label) for number, label in (details.get("names") or {}).items()}
    return Model(name, version, str(details.get("task") or "detect"), names, frame, bool(sides))


@dataclass
class Asking:
    """The work on all pictures. `moved` is called after each, `report` with a line about each that failed."""

    gateway: Gateway
    metrics: Metrics
    frame: Frame | None
    report: Callable[[str], None]
    moved: Callable[[Reply | None], None]
    versions: dict[str, int] = field(default_factory=dict)

    async def go(self, pictures: Sequence[Framed], jobs: int) -> None:
        """Ask about all of them, `jobs` at once. Raises OpsError if going on is pointless."""
        await at_once(pictures, jobs, self._do)

    async def _do(self, framed: Framed) -> None:
        try:
            data, placement = await asyncio.to_thread(encode, framed, self.frame)
            reply = await self.gateway.ask(data)
        except NotRunningError as error:
            # Figures without some of the pictures would be others.
            raise NotServingError(f"{error}. Nothing was measured") from error
        except (RefusedError, UnreadableError) as error:
            self.report(f"error: {framed.sample.path}: {error}")
            self.moved(None)
            return
        self.metrics.add(framed.sample, reply.body, placement)
        version = str((reply.body.get("model") or {}).get("version"))
        self.versions[version] = self.versions.get(version, 0) + 1
        self.moved(reply)
