"""What the gateway says about the drift of a model's versions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

import detection_profile
from detection_profile import Profile
from ops.errors import OpsError
from ops.predict.client import no_answer, read_document


@dataclass(frozen=True)
class Seen:
    """The drift of one version. `indexes` by aspect; empty while there are too few images."""

    version: str
    kept: bool
    baseline_images: int
    recent_images: int
    indexes: dict[str, float]
    baseline: Profile


@dataclass(frozen=True)
class Model:
    """A model as the gateway describes it. `current` is None while no version answers."""

    name: str
    current: str | None
    versions: tuple[str, ...]
    drift: dict[str, Seen] = field(default_factory=dict)

    def choose(self, version: str | None) -> str:
        """Return the named version, or the current one. Raises OpsError if it is not loaded."""
        chosen = version or self.current
        if chosen is None or chosen not in self.versions:
            loaded = ", ".join(self.versions) or "none"
            raise OpsError(f"version {version or ''} of {self.name} is not loaded. Loaded: {loaded}")
        return chosen


async def describe(client: httpx.AsyncClient, url: str, headers: dict[str, str], model: str) -> Model:
    """Ask the gateway at `url`. Raises OpsError."""
    try:
        response = await client.get(f"{url}/models/{model}", headers=headers)
    except httpx.HTTPError as error:
        raise no_answer(url, error) from error
    return read(read_document(response), model)


def read(body: dict[str, Any], model: str) -> Model:
    """Read the answer to `GET /models/NAME`. Raises OpsError."""
    try:
        (described,) = body["models"]
        loaded = described["versions"]
        current = next((str(one["version"]) for one in loaded if one.get("default")), None)
        drift = {str(one["version"]): _seen(one) for one in body["drift"]}
        return Model(model, current, tuple(str(one["version"]) for one in loaded), drift)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OpsError("the gateway says nothing about drift: is it an older release?") from error


def _seen(entry: dict[str, Any]) -> Seen:
    return Seen(
        str(entry["version"]), bool(entry["kept"]), int(entry["baseline_images"]), int(entry["recent_images"]),
        {str(aspect): float(value) for aspect, value in entry["indexes"].items()},
        detection_profile.parse(entry["baseline"]),
    )  # fmt: skip
