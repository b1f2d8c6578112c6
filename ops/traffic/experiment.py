"""An experiment: kept versions side by side, each with its share of the requests, and the answer says which made it."""

from __future__ import annotations

from dataclasses import replace

from ops.errors import NotNowError, UsageError
from ops.rollout import split
from ops.rollout.preconditions import opened, preflight, unsplit
from ops.rollout.split import Beginning
from ops.store import inventory, lock, routing
from ops.store.routing import Experiment
from ops.store.versions import check
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.host import Host

PART = "experiment"
# Each is loaded with workers of its own; gateways take no more.
MOST = 16


def shares(words: list[str]) -> dict[str, float]:
    """Read `VERSION=PERCENT` words. Raises UsageError when they are none, or are more than the whole."""
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
    """Load kept versions beside the running one and give each its share. Raises OpsError; then nothing is left."""
    check(name)
    stable = preflight(host).version
    unsplit(host)
    state, _ = inventory.look(host.store)
    _verify(host, state, stable, wanted)
    rest = 100 - sum(wanted.values())
    if dry_run:
        beside = ", ".join(version for version in wanted if version != stable) or "nothing"
        shares = ", ".join(f"{share:g} % to {version}" for version, share in wanted.items())
        say(f"""Dry run, nothing is changed. It would:
  register     {beside} beside {stable}; wait until READY, check
  route        {shares}, the rest ({rest:g} %) to {stable}""")
        return
    steps = Steps()
    with lock.held(host.store, f"experiment {name}"):
        state = opened(host)
        unsplit(host)
        stable = host.server.default().version
        _verify(host, state, stable, wanted)
        experiment = Experiment(name, wanted, routing.salt(salt))
        routed = replace(routing.read(host.store), stable=stable, experiment=experiment)
        loading = [version for version in wanted if version != stable]
        beginning = Beginning(
            "experiment start", PART, name, loading, routed, compare=True, accept_drift=accept_drift, note=note
        )
        split.begin(host, state, steps, beginning)
    steps.report(f"{routed.split}; the rest ({rest:g} %) to {stable}. The end: bash scripts/experiment.sh stop")


def _verify(host: Host, state: inventory.Releases, stable: str, wanted: dict[str, float]) -> None:
    """Check that each version is kept and intact, and plays no other part. Raises OpsError."""
    for version in wanted:
        if version == stable:
            continue
        inventory.verified(host.store, state, version)
        if version in routing.glance(host.store).versions("shadow"):
            raise NotNowError(f"{version} is the shadow already. End that first: bash scripts/shadow.sh stop")


def stop(host: Host, *, dry_run: bool = False) -> None:
    """Send everything to the stable version again; the versions stay kept. Raises OpsError."""
    if dry_run:
        lock.require_free(host.store)
        present = routing.read(host.store)
        found = _active(present)
        say(f"Dry run, nothing is changed. It would end {present.split}, and unregister what is not {present.stable}.")
        return
    steps = Steps()
    with lock.held(host.store, "end of the experiment"):
        state = opened(host)
        found = _active(routing.read(host.store))
        split.end(host, state, steps, "experiment stop", PART, to=found.name)
    steps.report(f"the experiment {found.name} is over; its versions are kept")


def _active(present: routing.Routing) -> Experiment:
    if present.experiment is None:
        raise split.absent(PART)
    return present.experiment
