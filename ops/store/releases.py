"""`releases.json`: what is known of every kept version, and which one is current and which was before.

Which versions are a canary, a shadow or in an experiment is in `routing.json` alone. A file that is missing or
unreadable is made again from the archives, by `ops.store.inventory`.
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
    """The kept versions by name, the current one and the one before; None where it is not a kept version.

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
        """Drop a version whose archive is removed, but remember its weights: they are not new when seen again."""
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
