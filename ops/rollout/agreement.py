"""Several TorchServes serve the same: the current version, and the versions that play a part."""

from __future__ import annotations

from ops.store import audit, routing
from ops.store.releases import Releases
from ops.terminal.console import say
from ops.terminal.steps import Steps
from ops.torchserve.client import Loaded, unless_absent
from ops.torchserve.host import Host
from ops.torchserve.standby import Standby, unload


def agree(host: Host, state: Releases) -> None:
    """Where TorchServes differ, bring those to the current version that missed it, and load what routing names.

    One that was out of reach while a version went live, without being restarted, comes back with the former one.
    """
    hosts, current = host.reachable(), state.current
    if len(hosts) < 2 or current is None:
        return
    playing = routing.read_or_empty(host.store).playing & set(state.releases)
    defaults: dict[str, Loaded] = {}
    for one in hosts:
        with unless_absent():
            defaults[one.server.management] = one.server.default()
    differ = len({default.version for default in defaults.values()}) > 1
    for one in hosts:
        if (default := defaults.get(one.server.management)) is None:
            continue
        standby = Standby(one, Steps(), default)
        if differ and default.version != current:
            say(f"  {one.server.management} serves {default.version}: it is brought to {current}")
            standby.ensure(current)
            one.server.set_default(current)
            unload(one, Steps(), {default.version}, playing)
            audit.record(host.store, "server", "mended", to=current, detail=f"{one.server.management} missed it")
        for version in sorted(playing):
            if not one.server.has(version):
                standby.ensure(version)
