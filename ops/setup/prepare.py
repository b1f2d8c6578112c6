"""Everything a first start needs: weights, sample pictures, an archive made from those weights."""

from __future__ import annotations

from pathlib import Path

from ops import samples
from ops.packaging.package import Package, package, report
from ops.paths import STORE, WEIGHTS, current_archive
from ops.setup import weights
from ops.store import archive, inventory
from ops.terminal.console import say


def prepare(store: Path = STORE, source: Path = WEIGHTS) -> Package | None:
    """Obtain what is missing. Returns the package made, or None when an archive of these weights was there already.

    Any kept version made from the present best.pt counts, not only the current one: after a rollback the operator's
    choice stands. Raises OpsError.
    """
    current = current_archive(store)
    if not source.is_file() and current.is_file():
        samples.lay_down()
        say(f"  archive: version {archive.describe(current).version} (already there)")
        return None
    weights.obtain(source)
    samples.lay_down()
    digest = archive.sha256(source)
    if current.is_file():
        present = archive.describe(current)
        if digest in {present.source_sha256, *(kept.source_sha256 for kept in archive.kept(store))}:
            say(f"  archive: version {present.version} (already there)")
            return None
        known = inventory.read(store)
        if known is not None and known.sources.get(digest, {}).get("outcome", "gone") != "gone":
            gone = known.sources[digest]
            say(
                f"  archive: version {present.version}; {source.name} was version {gone['version']} ({gone['outcome']})"
            )
            say("  to serve it all the same: bash scripts/redeploy.sh models/weights/best.pt")
            return None
        say(f"  {source.name} is new: packaging it")
    made = package(source, store=store)
    report(made)
    return made
