"""An experiment: several kept versions each get a share of the requests; an answer says which version made it."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError, UsageError
from ops.paths import script
from ops.rollout import split
from ops.rollout.preconditions import preflight, require_no_split
from ops.rollout.recovery import operation
from ops.store import inventory, routing
from ops.store.routing import Experiment
from ops.store.versions import check
from ops.torchserve.host import Host

PART = "experiment"
# Each version is loaded with workers of its own; gateways accept no more.
MOST = 16


def shares(words: list[str]) -> dict[str, float]:
    """Read words such as `1.1=50` (version and percent). Raises UsageError for another form, or more than 100 %."""
    read: dict[str, float] = {}
    for word in words:
        version, equals, share = word.partition("=")
        if not equals:
            raise UsageError(f"--share {word}: use VERSION=PERCENT, e.g. --share 1.1=50")
        if check(version) in read:
            raise UsageError(f"--share names {version} twice")
        read[version] = routing.percent(share)
    if not read:
        raise UsageError("name at least one version: --share 1.1=50")
    if len(read) > MOST:
        raise UsageError(f"{len(read)} versions; {MOST} at most")
    if sum(read.values()) > 100:
        raise UsageError(f"the shares are {sum(read.values()):g} % together; 100 % is the whole")
    return read


def start(
    host: Host,
    name: str,
    wanted: dict[str, float],
    *,
    accept_drift: bool = False,
    salt: str | None = None,
    note: str = "",
    dry_run: bool = False,
) -> None:
    """Load kept versions next to the running one and give each its share. Raises OpsError; then nothing is left."""
    check(name)
    preflight(host)
    require_no_split(host)
    experiment = Experiment(name, wanted, routing.salt(salt))
    with operation(host, f"experiment {name}", dry_run=dry_run) as begun:
        require_no_split(host)
        present, stable = routing.read(host.store), host.server.default().version
        for version in sorted({*wanted} - {stable}):
            inventory.require_intact(host.store, begun.state, version)
            if version in present.versions("shadow"):
                command = script("shadow.sh stop", host.store)
                raise NotNowError(f"{version} is the shadow already. End that first: {command}")
        change = split.start(
            begun, PART, name, lambda present: replace(present, experiment=experiment),
            note=note, accept_drift=accept_drift,
        )  # fmt: skip
        rest = f"the rest ({100 - sum(wanted.values()):g} %) to {stable}"
        change.run(f"{change.detail}; {rest}. The end: {script('experiment.sh stop', host.store)}")


def stop(host: Host, *, dry_run: bool = False) -> None:
    """Send everything to the stable version again; the versions stay kept. Raises OpsError."""
    with operation(host, "end of the experiment", dry_run=dry_run) as begun:
        found = routing.read(host.store).experiment
        if found is None:
            raise split.not_active(PART, host.store)
        end = split.end(begun, "experiment stop", PART, found.name)
        end.run(f"the experiment {found.name} is over; its versions are kept")
