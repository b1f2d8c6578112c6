"""An experiment: several kept versions each get a share of the requests; an answer says which version made it."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError, UsageError
from ops.rollout import split
from ops.rollout.preconditions import preflight, require_no_split
from ops.rollout.recovery import operation
from ops.store import inventory, routing
from ops.store.routing import Experiment
from ops.store.versions import check
from ops.terminal.steps import Steps
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
    steps = Steps()
    with operation(host, f"experiment {name}", dry_run=dry_run) as state:
        require_no_split(host)
        running, present = host.server.default(), routing.read(host.store)
        for version in wanted:
            if version != running.version:
                _require_available(host, state, present, version)
        routed = replace(present, stable=running.version, experiment=Experiment(name, wanted, routing.salt(salt)))
        shares = ", ".join(f"{share:g} % to {version}" for version, share in wanted.items())
        rest = f"the rest ({100 - sum(wanted.values()):g} %) to {running.version}"
        change = split.Start(
            host=host, steps=steps, action="experiment start", to=name, note=note, state=state, running=running,
            accept_drift=accept_drift, part=PART, routed=routed, effect=("route", f"{shares}, {rest}"),
        )  # fmt: skip
        if change.run(dry_run=dry_run):
            steps.report(f"{routed.summary}; {rest}. The end: bash scripts/experiment.sh stop")


def _require_available(host: Host, state: inventory.Releases, present: routing.Routing, version: str) -> None:
    """Check that a version is kept and intact, and not the shadow. Raises OpsError."""
    inventory.require_intact(host.store, state, version)
    if version in present.versions("shadow"):
        raise NotNowError(f"{version} is the shadow already. End that first: bash scripts/shadow.sh stop")


def stop(host: Host, *, dry_run: bool = False) -> None:
    """Send everything to the stable version again; the versions stay kept. Raises OpsError."""
    steps = Steps()
    with operation(host, "end of the experiment", dry_run=dry_run) as state:
        found = routing.read(host.store).experiment
        if found is None:
            raise split.not_active(PART)
        end = split.End(host=host, steps=steps, action="experiment stop", to=found.name, state=state, part=PART)
        if end.run(dry_run=dry_run):
            steps.report(f"the experiment {found.name} is over; its versions are kept")
