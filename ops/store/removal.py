"""`removed.json`: that a model was removed, and of which weights it was, so that `up` does not bring it back.

It counts while the model has no current archive. Whatever makes one brings the model back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ops.paths import current_archive
from ops.store.releases import Releases
from ops.system import identity
from ops.system.files import read_json, write_json

NAME = "removed.json"


@dataclass(frozen=True)
class Removal:
    """When a model was removed, by whom, and the SHA-256 of all weights that it was ever of."""

    at: str
    by: str
    sources: list[str]


def read(store: Path) -> Removal | None:
    """Return the removal of the store's model, None if it was not removed. Raises OpsError."""
    if current_archive(store).is_file():
        return None
    document = read_json(store / NAME) or {}
    try:
        return Removal(**document)
    except TypeError:
        return None


def write(store: Path, state: Releases) -> None:
    """Record that the model is removed now. Raises OpsError."""
    before = (read_json(store / NAME) or {}).get("sources") or []
    sources = {*before, *state.sources, *(record.source_sha256 for record in state.releases.values())}
    write_json(store / NAME, asdict(Removal(identity.now(), identity.name(), sorted(sources))))


def clear(store: Path) -> None:
    """Forget that the model was removed."""
    (store / NAME).unlink(missing_ok=True)
