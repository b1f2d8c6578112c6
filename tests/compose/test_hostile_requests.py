"""Hostile requests to the containers with the memory that docker-compose.yml gives them: none is killed for it."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.compose.stack import Stack
from tests.gateway.hostile.attack import STALL_S, Attack
from tests.gateway.hostile.requests import QUICK, bodies, pictures
from tests.support.hostile import WEIGHT

SERVERS = ("torchserve", "api-gateway")
#: Run in a container: the memory of its cgroup, of either version, and the processes of the model's workers.
_LOOK = """
import json, os, pathlib
folder = pathlib.Path('/sys/fs/cgroup')
names = 'memory.max', 'memory.peak', 'memory.events'
if not (folder / names[2]).exists():
    folder, names = folder / 'memory', ('memory.limit_in_bytes', 'memory.max_usage_in_bytes', 'memory.oom_control')
limit, peak, events = ((folder / name).read_text() for name in names)
kills = dict(line.split() for line in events.splitlines())['oom_kill']
workers = []
for process in pathlib.Path('/proc').glob('[0-9]*'):
    try:
        if int(process.name) != os.getpid() and b'model_service_worker' in (process / 'cmdline').read_bytes():
            workers.append(int(process.name))
    except OSError:
        pass  # it has ended
print(json.dumps({'limit': int(limit), 'peak': int(peak), 'kills': int(kills), 'workers': sorted(workers)}))
"""


def look(stack: Stack, service: str) -> dict[str, Any]:
    """Return the container's memory limit and highest memory in bytes, its OOM kills, and its workers' processes."""
    found: dict[str, Any] = json.loads(stack.compose("exec", "-T", service, "python", "-c", _LOOK))
    return found


def test_hostile_requests_stay_within_the_containers_memory(service: Stack) -> None:
    before = {name: service.inspect(name) for name in SERVERS}
    workers = look(service, "torchserve")["workers"]
    assert workers
    pid = before["api-gateway"]["State"]["Pid"]
    with Attack(service.gateway, pid, service.street.read_bytes()) as attack:
        for requests in itertools.chain(
            pictures(WEIGHT, QUICK), pictures(WEIGHT // 10, f"{QUICK}&format=jpeg"), bodies(WEIGHT // 10)
        ):
            attack.send(requests)
        attack.ask_good_picture()
    print(f"{dict(attack.statuses)}, GET /health/live took {attack.worst_s:.3f} s at most")
    assert attack.problems == []
    assert attack.worst_s < STALL_S
    assert attack.statuses[200], "nothing was decoded: the workers are not tried"
    for name in SERVERS:
        now, memory = service.inspect(name), look(service, name)
        print(f"{name}: {memory['peak'] / 2**20:.0f} of {memory['limit'] / 2**20:.0f} MiB at most")
        assert memory["limit"] == now["HostConfig"]["Memory"] > 0
        assert memory["peak"] < memory["limit"]
        assert memory["kills"] == 0
        assert not now["State"]["OOMKilled"]
        assert now["RestartCount"] == before[name]["RestartCount"] == 0
        assert now["State"]["Pid"] == before[name]["State"]["Pid"]
    assert look(service, "torchserve")["workers"] == workers, "a worker ended"
