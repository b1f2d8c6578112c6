"""One measurement: run the load generator or the ceiling as a child process, and add the CPU time that was used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load.crowd import Group
from benchmarks.load.target import Target
from benchmarks.paths import COMMON, LOGS, OWN_PYTHON, RIVALS, ROOT, SERVING
from benchmarks.report import stats
from benchmarks.servers.null_server import start_null_server
from benchmarks.servers.processes import Tree, free_ports, interrupt
from benchmarks.servers.server import Server
from benchmarks.servers.variables import base_variables
from ops.errors import OpsError

TICK_S = 0.5
Tick = Callable[[float], None]


class Meter:
    """Measures servers with the load generator, and the ceiling without a server.

    `cpus` are the CPUs of the servers and of the ceiling, `client_cpus` those of the load generator. `tick` is called
    with the seconds that have passed.
    """

    def __init__(self, images: list[Path], cpus: list[int], client_cpus: list[int], tick: Tick) -> None:
        self.images = images
        self.cpus = cpus
        self.client_cpus = client_cpus
        self.tick = tick

    def closed(
        self, target: Target, trees: Sequence[Tree], clients: int, warm_s: float, seconds: float
    ) -> dict[str, Any]:
        """Measure a closed loop; see loops.closed."""
        return self._load(target, trees, kind="closed", clients=clients, warm_s=warm_s, seconds=seconds)

    def open(self, target: Target, trees: Sequence[Tree], rate: float, seconds: float) -> dict[str, Any]:
        """Measure an open loop at a constant rate; see loops.opened."""
        return {**self._load(target, trees, kind="open", rate=rate, seconds=seconds), "offered_per_s": rate}

    def crowd(
        self, target: Target, trees: Sequence[Tree], groups: Sequence[Group], seconds: float, patience_s: float,
        idle: int = 0, slow: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Measure groups of clients at the same time, and the CPU time that all took; see crowd.crowd."""
        plan = {"groups": list(map(asdict, groups)), "seconds": seconds, "patience_s": patience_s}
        return self._load(target, trees, kind="crowd", idle=idle, slow=slow, **plan)

    def alternating(self, targets: list[Target], image: Path, calls: int) -> list[dict[str, Any]]:
        """Call the targets in turn with one image; see loops.alternating."""
        return self._generate(targets, [image], kind="alternating", calls=calls)

    def ceiling(self, unpacked: Path, warm_s: float, seconds: float, *, parallel: bool = False) -> dict[str, Any]:
        """Measure the modules of this stack without a server, on an unpacked archive.

        By default one image after the other on all CPUs; `parallel`: as many at once as the stack has workers by its
        own choice.
        """
        modules = {"PYTHONPATH": os.pathsep.join([str(SERVING), str(COMMON)])}
        env = {**base_variables(), **modules, **({} if parallel else {"WORKERS": "1"})}
        plan = {"pictures": list(map(str, self.images)), "warm_s": warm_s, "seconds": seconds, "cpus": self.cpus}
        return self._run([str(OWN_PYTHON), str(RIVALS / "ceiling" / "ceiling.py"), str(unpacked)], plan, env)

    def own_cost(self) -> dict[str, Any]:
        """Measure the load generator against a server that does nothing: the same cost for every contestant."""
        (port,) = free_ports(1)
        with Server("null") as server:
            start_null_server(server, port)
            time.sleep(0.5)
            phase = self.closed(Target(port, "/", "file"), list(server.trees.values()), 1, 0.3, 1.5)
        cost = stats.summarise([phase])
        return {"p50_ms": cost["latency_ms"]["p50"], "cpu_ms_per_image": cost["client_cpu_ms"]}

    def _load(self, target: Target, trees: Sequence[Tree], **plan: Any) -> dict[str, Any]:
        busy_before, server_before = busy_s(self.cpus), sum(tree.cpu_s() for tree in trees)
        measured = self._generate([target], self.images, **plan)
        measured["server_cpu_s"] = sum(tree.cpu_s() for tree in trees) - server_before
        # The rest of the busy time: other processes, idle parts of the stack, the hypervisor.
        busy = busy_s(self.cpus) - busy_before
        measured["other_cpu_s"] = max(0.0, busy - measured["server_cpu_s"] - measured["client_cpu_s"])
        return measured

    def _generate(self, targets: list[Target], images: list[Path], **plan: Any) -> Any:
        plan |= {"targets": list(map(asdict, targets)), "pictures": list(map(str, images)), "cpus": self.client_cpus}
        return self._run([sys.executable, "-m", "benchmarks.load"], plan, base_variables())

    def _run(self, argv: list[str], plan: dict[str, Any], env: dict[str, str]) -> Any:
        """Run a child process with a plan on its standard input; return the JSON of its output. Raises OpsError."""
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / "measuring.log"
        with log.open("wb") as errors:
            child = subprocess.Popen(
                argv, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        stdin: bytes | None = json.dumps(plan).encode()
        try:
            while True:
                try:
                    output, _ = child.communicate(stdin, timeout=TICK_S)
                    break
                except subprocess.TimeoutExpired:
                    stdin = None
                    self.tick(TICK_S)
        finally:
            interrupt(child)
        if child.returncode != 0:
            raise OpsError(f"the measurement failed:\n{log.read_text(errors='replace').strip()[-1500:]}")
        return json.loads(output)


def busy_s(cpus: list[int]) -> float:
    """Return how many CPU-seconds all processes together have used on these CPUs since the system started."""
    times = psutil.cpu_times(percpu=True)
    return sum(
        sum(times[cpu]) - times[cpu].idle - getattr(times[cpu], "iowait", 0.0) for cpu in cpus if cpu < len(times)
    )
