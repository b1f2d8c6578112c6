"""`releases.json`: what is known of every kept version, and which of them plays which part.

A file that is missing or unreadable is made again from the archives, by `ops.store.inventory`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ops.store import routing
from ops.system import identity
from ops.system.files import read_json, write_json

NAME = "releases.json"
SCHEMA = 1
# Parts that one version can play. canary and shadow are what routing.json says; so is the list `experiment`.
ROLES = ("current", "previous", "canary", "shadow")


@dataclass
class Release:
    """One kept version. Size in bytes; `mtime_ns` tells a file that was not touched, so that it is not read again."""

    version: str
    sha256: str
    size: int
    mtime_ns: int
    task: str
    source_sha256: str
    packaged: str
    by: str
    note: str = ""
    # When it last became the current one by an operation here; empty when it never did.
    served: str = ""
    # The part it was packaged for, canary or shadow; empty when it was packaged to be kept.
    made_for: str = ""


@dataclass
class Releases:
    """All of them. `current_sha256` is the content of yolo.mar; `sources` remembers weights whose archive is gone."""

    releases: dict[str, Release] = field(default_factory=dict)
    roles: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(ROLES))
    current_sha256: str = ""
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    experiment: list[str] = field(default_factory=list)

    @property
    def current(self) -> str | None:
        """The version whose archive is yolo.mar, None when that is no kept one."""
        return self.roles.get("current")

    @property
    def previous(self) -> str | None:
        """The version that was current before."""
        return self.roles.get("previous")

    def parts(self, version: str) -> list[str]:
        """Return the parts that a version plays."""
        parts = [role for role, played_by in self.roles.items() if played_by == version]
        return [*parts, *(["experiment"] if version in self.experiment else [])]

    @property
    def playing(self) -> set[str]:
        """The versions that gateways send requests to besides the default one."""
        return {version for version in (self.roles["canary"], self.roles["shadow"], *self.experiment) if version}

    def play(self, routed: routing.Routing) -> None:
        """Take over the parts that routing.json gives."""
        for role in ("canary", "shadow"):
            self.roles[role] = next(iter(routed.versions(role)), None)
        self.experiment = routed.versions("experiment")

    def became_current(self, version: str, before: str | None) -> None:
        """Note that `version` is the current one now, and `before` was."""
        self.releases[version].served = identity.now()
        self.current_sha256 = self.releases[version].sha256
        self.roles["current"] = version
        if before != version:
            self.roles["previous"] = before if before in self.releases else None

    def forget(self, version: str, outcome: str) -> None:
        """Drop a version whose archive is removed, but remember its weights: they are not new when seen again."""
        gone = self.releases.pop(version)
        self.sources[gone.source_sha256] = {"version": version, "outcome": outcome, "at": identity.now()}
        self.roles = {role: None if played_by == version else played_by for role, played_by in self.roles.items()}


def save(store: Path, state: Releases) -> None:
    """Write the file in one step. Raises OpsError."""
    write_json(store / NAME, {"schema": SCHEMA, **asdict(state)})


def read(store: Path) -> Releases | None:
    """Read the file; None when it is missing, damaged or of another schema."""
    document = read_json(store / NAME)
    if document is None or document.pop("schema", None) != SCHEMA:
        return None
    try:
        document["releases"] = {key: Release(**entry) for key, entry in document["releases"].items()}
        state = Releases(**document)
        state.roles = {**dict.fromkeys(ROLES), **state.roles}
    except (KeyError, TypeError, AttributeError):
        return None
    return state
