"""`routing.json`: which requests get which version. Written here, by who holds the release lock; read by every gateway.

A gateway looks at it at most every 100 ms and takes a new one over whole, so that all of them agree without talking to
each other. No file, or one without a part, means that everything goes to the server's default version.
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
from ops.store import versions
from ops.system.files import read_json, write_json

FOLDER = "routing"
NAME = "routing.json"
SCHEMA = 1
PARTS = ("canary", "experiment", "shadow")
# Gateways look every 100 ms; in half a second every one has seen the file and sent what it had chosen before.
NOTICE_S = 0.5
LONGEST_SALT = 256
# Beside the archives: what `canary.sh auto` was doing, see `ops.traffic.autopilot`.
AUTO = ".canary-auto.json"


class DamagedError(OpsError):
    """There is a routing.json, and it is none: nobody of ours wrote it."""


@dataclass(frozen=True)
class Canary:
    """A share of the requests, in percent, goes to a version; the same clients as long as the salt is the same."""

    version: str
    percent: float
    salt: str


@dataclass(frozen=True)
class Experiment:
    """Shares of the requests by version, in percent; the rest goes to the stable one."""

    name: str
    shares: dict[str, float]
    salt: str


@dataclass(frozen=True)
class Shadow:
    """A share of the requests, in percent, is asked of a version as well, and nobody gets its answer."""

    version: str
    percent: float


@dataclass(frozen=True)
class Routing:
    """The whole file. `server` names the TorchServe of a blue/green switch; it is kept as it is here."""

    revision: int = 0
    updated: str = ""
    stable: str | None = None
    canary: Canary | None = None
    experiment: Experiment | None = None
    shadow: Shadow | None = None
    server: str | None = None

    def versions(self, part: str) -> list[str]:
        """Return the versions that play a part (see PARTS)."""
        if part == "experiment":
            return list(self.experiment.shares) if self.experiment else []
        playing = self.canary if part == "canary" else self.shadow
        return [playing.version] if playing else []

    def parts(self, version: str) -> list[str]:
        """Return the parts that a version plays."""
        return [part for part in PARTS if version in self.versions(part)]

    @property
    def playing(self) -> set[str]:
        """The versions that gateways send requests to besides the default one."""
        return {version for part in PARTS for version in self.versions(part)}

    def without(self, part: str) -> Routing:
        """Return it with one part cleared."""
        return replace(self, **{part: None})  # type: ignore[arg-type]

    @property
    def split(self) -> str:
        """Say who gets what, for people."""
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
    """Return where the file lies."""
    return store / FOLDER / NAME


def read(store: Path) -> Routing:
    """Return what is in force; without a file, a split of nothing.

    Raises DamagedError, and OpsError when it cannot be read.
    """
    if not path(store).exists():
        return Routing()
    document = read_json(path(store))
    try:
        return parse(document or {})
    except (KeyError, TypeError, ValueError, AttributeError, OpsError) as error:
        raise DamagedError(f"{FOLDER}/{NAME} is damaged ({type(error).__name__}: {error})") from error


def read_or_empty(store: Path) -> Routing:
    """Return what is in force, for those who change nothing: a damaged file counts as none."""
    try:
        return read(store)
    except DamagedError:
        return Routing()


def parse(document: Mapping[str, Any]) -> Routing:
    """Build it from the JSON object. Raises one of several errors when it is none."""
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
    )


def document(routing: Routing) -> dict[str, Any]:
    """Return the JSON object. Whole percents are written whole."""
    return {"schema": SCHEMA, **{key: value for key, value in asdict(routing).items() if key != "server" or value}}


def write(store: Path, routing: Routing) -> Routing:
    """Put it in force in one step, as the revision after the present one. Needs the lock. Raises OpsError."""
    try:
        path(store).parent.mkdir(exist_ok=True)
        for left in path(store).parent.glob(f".{NAME}.*.part"):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, f"writing {NAME}") from error
    try:
        present = read(store).revision
    except DamagedError:
        present = int(time.time())  # unknown: one that no gateway can have seen
    updated = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    routing = replace(routing, revision=present + 1, updated=updated)
    write_json(path(store), document(routing))
    return routing


def await_notice() -> None:
    """Wait until every gateway has seen what was written."""
    time.sleep(NOTICE_S)


def percent(value: Any) -> float:
    """Return a percentage, whole where it is. Raises UsageError. Gateways tell hundredths apart, no less."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is no percentage; use 0 to 100") from None
    if not 0 <= number <= 100 or round(number, 2) != number:
        raise UsageError(f"{value} is no percentage; use 0 to 100, at most two decimals")
    return int(number) if number == int(number) else number


def salt(given: str | None) -> str:
    """Return what makes one split's choice of clients independent of another's: the one given or a new one.

    Raises UsageError.
    """
    if given is not None and not 1 <= len(given) <= LONGEST_SALT:
        raise UsageError(f"--key-salt has 1 to {LONGEST_SALT} characters")
    return given or secrets.token_hex(4)


def forget_autopilot(store: Path) -> None:
    """Without a canary there is nothing that `canary.sh auto` could go on with."""
    if read_or_empty(store).canary is None:
        (store / AUTO).unlink(missing_ok=True)


def set_stable(store: Path, stable: str) -> bool:
    """Note which version is stable; it plays no other part. Needs the lock. Returns whether any part is or was played.

    Raises OpsError.
    """
    present = read(store)
    settled = replace(present, stable=stable)
    for part in ("canary", "shadow"):
        if stable in present.versions(part):
            settled = settled.without(part)
    if settled != present:
        write(store, settled)
    return any(present.versions(part) for part in PARTS)
