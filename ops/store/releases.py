"""`releases.json`: a record of every kept version, the current version and the previous one.

The versions of canary, shadow and experiment are in `routing.json` alone. If the file is missing or unreadable,
`ops.store.inventory` makes it again from the archives.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ops.system import identity
from ops.system.files import read_json, write_json

NAME = "releases.json"
SCHEMA = 1


@dataclass
class Release:
    """A kept version. Size in bytes; with the same size and `mtime_ns` the archive is not read again."""

    version: str
    sha256: str
    size: int
    mtime_ns: int
    task: str
    source_sha256: str
    packaged: str
    by: str
    note: str = ""
    # When an operation last made it the current version; empty if none did.
    served: str = ""
    # The part it was packaged for, canary or shadow; empty otherwise.
    made_for: str = ""


@dataclass
class Releases:
    """The kept versions by name, the current and the previous one; None if that is not a kept version.

    `current_sha256` is the content of yolo.mar, and `current_stat` the [size, mtime_ns] at which it was read.
    `sources` remembers the weights of versions whose archive is gone.
    """

    releases: dict[str, Release] = field(default_factory=dict)
    current: str | None = None
    previous: str | None = None
    current_sha256: str = ""
    current_stat: list[int] | None = field(default=None, compare=False)
    sources: dict[str, dict[str, str]] = field(default_factory=dict)

    def roles(self, version: str) -> list[str]:
        """Return which of `current` and `previous` a version is."""
        return [role for role in ("current", "previous") if getattr(self, role) == version]

    def set_current(self, version: str, before: str | None) -> None:
        """Record that `version` is the current one now, and `before` was."""
        self.releases[version].served = identity.now()
        self.current_sha256 = self.releases[version].sha256
        self.current_stat = None
        self.current = version
        if before != version:
            self.previous = before if before in self.releases else None

    def forget(self, version: str, outcome: str) -> None:
        """Drop a version whose archive is removed, but record its weights, so that `up` does not package them again."""
        gone = self.releases.pop(version)
        self.sources[gone.source_sha256] = {"version": version, "outcome": outcome, "at": identity.now()}
        for role in self.roles(version):
            setattr(self, role, None)


def save(store: Path, state: Releases) -> None:
    """Write the file in one step. Raises OpsError."""
    document = asdict(state)
    roles = {role: document.pop(role) for role in ("current", "previous")}
    write_json(store / NAME, {"schema": SCHEMA, "roles": roles, **document})


def read(store: Path) -> Releases | None:
    """Read the file; None when it is missing, damaged or of another schema."""
    document = read_json(store / NAME)
    if document is None or document.get("schema") != SCHEMA:
        return None
    try:
        return Releases(
            releases={key: Release(**entry) for key, entry in document["releases"].items()},
            current=document["roles"].get("current"),
            previous=document["roles"].get("previous"),
            current_sha256=document["current_sha256"],
            current_stat=document.get("current_stat"),
            sources=document["sources"],
        )
    except (KeyError, TypeError, AttributeError):
        return None
