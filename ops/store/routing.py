"""`routing.json`: which requests get which version. The holder of the release lock writes it, every gateway reads it.

A gateway looks at the file every 100 ms and adopts a new one as a whole, so that all gateways agree without talking to
each other. Without the file, or without a part in it, every request goes to the server's default version.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.errors import OpsError, UsageError, from_os_error
from ops.paths import MODEL, folder_of, model_of
from ops.store import versions
from ops.system.files import read_json, write_json

FOLDER = "routing"
NAME = "routing.json"
SCHEMA = 1
PARTS = ("canary", "experiment", "shadow")
# After half a second every gateway has read the file and has sent the requests that it had routed before.
NOTICE_S = 0.5
LONGEST_SALT = 256
# Next to the archives: the state of `canary.sh auto`, see `ops.traffic.autopilot`.
AUTO = ".canary-auto.json"


class DamagedError(OpsError):
    """routing.json exists, but its content is invalid."""


@dataclass(frozen=True)
class Canary:
    """A share of the requests, in percent, goes to a version. The salt decides which clients."""

    version: str
    percent: float
    salt: str


@dataclass(frozen=True)
class Experiment:
    """Shares of the requests by version, in percent; the rest goes to the stable version."""

    name: str
    shares: dict[str, float]
    salt: str


@dataclass(frozen=True)
class Shadow:
    """A share of the requests, in percent, is sent to a version as well, whose answers are only counted."""

    version: str
    percent: float


@dataclass(frozen=True)
class Routing:
    """The whole file. `server` names the TorchServe of a blue/green switch, None the default one.

    `removed`: gateways send no more requests to the model, which is about to be unloaded.
    """

    revision: int = 0
    updated: str = ""
    stable: str | None = None
    canary: Canary | None = None
    experiment: Experiment | None = None
    shadow: Shadow | None = None
    server: str | None = None
    removed: bool = False

    def versions(self, part: str) -> list[str]:
        """Return the versions in a part (see PARTS)."""
        if part == "experiment":
            return list(self.experiment.shares) if self.experiment else []
        playing = self.canary if part == "canary" else self.shadow
        return [playing.version] if playing else []

    def parts(self, version: str) -> list[str]:
        """Return the parts that a version is in."""
        return [part for part in PARTS if version in self.versions(part)]

    @property
    def playing(self) -> set[str]:
        """The versions that gateways send requests to, other than the default one."""
        return {version for part in PARTS for version in self.versions(part)}

    def with_stable(self, stable: str | None) -> Routing:
        """Return it with another stable version, which is neither canary nor shadow any more."""
        settled = replace(self, stable=stable)
        for part in ("canary", "shadow"):
            settled = settled.without(part) if stable in self.versions(part) else settled
        return settled

    def without(self, part: str) -> Routing:
        """Return the routing without a part."""
        return replace(self, **{part: None})  # type: ignore[arg-type]

    @property
    def summary(self) -> str:
        """The split of the requests, for people."""
        said = []
        if self.canary:
            said.append(f"canary {self.canary.version} {self.canary.percent:g} %")
        if self.experiment:
            shares = ", ".join(f"{version} {share:g} %" for version, share in self.experiment.shares.items())
            said.append(f"experiment {self.experiment.name}: {shares}")
        if self.shadow:
            said.append(f"shadow {self.shadow.version} {self.shadow.percent:g} %")
        return "; ".join(said) or "everything to the default version"


def path(store: Path) -> Path:
    """Return the path of the file: `routing.json` of `yolo`, `NAME.json` of another model, in one folder.

    The gateway sees this folder and nothing else of the model store.
    """
    model = model_of(store)
    return folder_of(store) / FOLDER / (NAME if model == MODEL else f"{model}.json")


def read(store: Path) -> Routing:
    """Return the routing in force, an empty one without a file.

    Raises DamagedError, and OpsError when the file cannot be read.
    """
    if not path(store).exists():
        return Routing()
    document = read_json(path(store))
    try:
        return parse(document or {})
    except (KeyError, TypeError, ValueError, AttributeError, OpsError) as error:
        raise DamagedError(f"{FOLDER}/{path(store).name} is damaged ({type(error).__name__}: {error})") from error


def read_or_empty(store: Path) -> Routing:
    """Return the routing in force, or an empty one if the file is missing or damaged: for callers that only read."""
    try:
        return read(store)
    except DamagedError:
        return Routing()


def parse(document: Mapping[str, Any]) -> Routing:
    """Build a routing from the JSON object. Raises KeyError, TypeError, ValueError, AttributeError or OpsError."""
    if document["schema"] != SCHEMA:
        raise ValueError(f"schema {document['schema']}")
    canary, experiment, shadow = (document.get(part) for part in PARTS)
    return Routing(
        revision=int(document["revision"]),
        updated=str(document.get("updated", "")),
        stable=document.get("stable"),
        canary=Canary(versions.check(canary["version"]), percent(canary["percent"]), str(canary["salt"]))
        if canary
        else None,
        experiment=Experiment(
            str(experiment["name"]),
            {versions.check(version): percent(share) for version, share in experiment["shares"].items()},
            str(experiment["salt"]),
        )
        if experiment
        else None,
        shadow=Shadow(versions.check(shadow["version"]), percent(shadow["percent"])) if shadow else None,
        server=document.get("server"),
        removed=document.get("removed") is True,
    )


def document(routing: Routing) -> dict[str, Any]:
    """Return the JSON object."""
    left_out = ("server", "removed")
    return {"schema": SCHEMA, **{key: value for key, value in asdict(routing).items() if key not in left_out or value}}


def write(store: Path, routing: Routing) -> Routing:
    """Put a routing in force in one step, as the next revision. Needs the lock. Raises OpsError."""
    try:
        path(store).parent.mkdir(exist_ok=True)
        for left in path(store).parent.glob(f".{path(store).name}.*.part"):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, f"writing {path(store).name}") from error
    try:
        present = read(store).revision
    except DamagedError:
        present = int(time.time())  # higher than any revision that a gateway can have read
    updated = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    routing = replace(routing, revision=present + 1, updated=updated)
    write_json(path(store), document(routing))
    return routing


def await_notice() -> None:
    """Wait until every gateway has read the file."""
    time.sleep(NOTICE_S)


def percent(value: Any) -> float:
    """Return a percentage, as int if it is whole. Raises UsageError. Gateways distinguish hundredths of a percent."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is not a percentage; use 0 to 100") from None
    if not 0 <= number <= 100 or round(number, 2) != number:
        raise UsageError(f"{value} is not a percentage; use 0 to 100, at most two decimals")
    return int(number) if number == int(number) else number


def salt(given: str | None) -> str:
    """Return the given salt or a new one: with another salt other clients are chosen. Raises UsageError."""
    if given is not None and not 1 <= len(given) <= LONGEST_SALT:
        raise UsageError(f"--key-salt has 1 to {LONGEST_SALT} characters")
    return given or secrets.token_hex(4)


def forget_autopilot(store: Path) -> None:
    """Delete the state of `canary.sh auto` if there is no canary."""
    if read_or_empty(store).canary is None:
        (store / AUTO).unlink(missing_ok=True)


def set_stable(store: Path, stable: str) -> bool:
    """Record the stable version, and take it out of canary and shadow. Needs the lock.

    Returns whether any part was set. Raises OpsError.
    """
    present = read(store)
    settled = present.with_stable(stable)
    if settled != present:
        write(store, settled)
    return bool(present.playing)
