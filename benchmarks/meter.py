"""Runs one measurement: starts the load generator (or the ceiling), waits while the bar moves, adds what it cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load.http_client import Target
from benchmarks.paths import LOGS, OWN_PYTHON, RIVALS, ROOT, SERVING
from benchmarks.report import machine
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.processes import Tree, interrupt
from benchmarks.servers.variables import clean
from ops.errors import OpsError

TICK_S = 0.5
Tick = Callable[[float], None]


class Meter:
    """Measures servers with the load generator, and the ceiling without one.

    `cpus` are those that servers (and the ceiling) may use, `client_cpus` the load generator's. `tick` is told of the
    seconds that pass.
    """

    def __init__(self, pictures: list[Path], cpus: list[int], client_cpus: list[int], tick: Tick) -> None:
        self.pictures = pictures
        self.cpus = cpus
        self.client_cpus = client_cpus
        self.tick = tick
        self._child: subprocess.Popen[bytes] | None = None

    def closed(self, target: Target, trees: list[Tree], clients: int, warm_s: float, seconds: float) -> dict[str, Any]:
        """Measure a closed loop of `clients`; see load.closed."""
        return self._load({"kind": "closed", "clients": clients, "warm_s": warm_s, "seconds": seconds}, [target], trees)

    def open(self, target: Target, trees: list[Tree], rate: float, seconds: float) -> dict[str, Any]:
        """Measure an open loop at a constant rate; see load.opened."""
        measured = self._load({"kind": "open", "rate": rate, "seconds": seconds}, [target], trees)
        return {**measured, "offered_per_s": rate}

    def alternating(self, targets: list[Target], picture: Path, calls: int) -> list[dict[str, Any]]:
        """Call the targets in turn with one picture; see load.alternating."""
        return self._ask(
            [sys.executable, "-m", "benchmarks.load.loops"],
            {"kind": "alternating", "calls": calls, **self._places(targets), "pictures": [str(picture)]},
            clean(),
        )

    def ceiling(self, artifacts: Artifacts, warm_s: float, seconds: float, *, at_once: bool = False) -> dict[str, Any]:
        """Measure this stack's own modules without a server: one picture after the other on all CPUs.

        `at_once`: in as many loops as the stack has workers by its own choice.
        """
        environment = {**clean(), "PYTHONPATH": str(SERVING), **({} if at_once else {"WORKERS": "1"})}
        plan = {
            "pictures": [str(path) for path in self.pictures],
            "warm_s": warm_s,
            "seconds": seconds,
            "cpus": self.cpus,
        }
        argv = [str(OWN_PYTHON), str(RIVALS / "ceiling" / "ceiling.py"), str(artifacts.unpacked)]
        return self._ask(argv, plan, environment)

    def stop(self) -> None:
        """End the measurement under way, if there is one."""
        if self._child is not None:
            interrupt(self._child)
            self._child = None

    def _places(self, targets: list[Target]) -> dict[str, Any]:
        return {"targets": [asdict(target) for target in targets], "cpus": self.client_cpus}

    def _load(self, plan: dict[str, Any], targets: list[Target], trees: list[Tree]) -> dict[str, Any]:
        busy, used = machine.busy_s(self.cpus), sum(tree.cpu_s() for tree in trees)
        pictures = [str(path) for path in self.pictures]
        argv = [sys.executable, "-m", "benchmarks.load.loops"]
        measured = self._ask(argv, {**plan, **self._places(targets), "pictures": pictures}, clean())
        measured["server_cpu_s"] = sum(tree.cpu_s() for tree in trees) - used
        # Whatever else ran on these CPUs: other people's work, the idle part of the stack, the hypervisor's share.
        everyone = machine.busy_s(self.cpus) - busy
        measured["other_cpu_s"] = max(0.0, everyone - measured["server_cpu_s"] - measured["client_cpu_s"])
        return measured

    def _ask(self, argv: list[str], plan: dict[str, Any], environment: dict[str, str]) -> Any:
        """Run a child with a plan on its standard input; return the JSON that it answers. Raises OpsError."""
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / "measuring.log"
        with log.open("wb") as errors:
            child = subprocess.Popen(
                argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        self._child = child
        given: bytes | None = json.dumps(plan).encode()
        while True:
            try:
                said, _ = child.communicate(given, timeout=TICK_S)
                break
            except subprocess.TimeoutExpired:
                given = None
                self.tick(TICK_S)
        self._child = None
        if child.returncode != 0:
            raise OpsError(f"the measurement failed:\n{log.read_text(errors='replace').strip()[-1500:]}")
        return json.loads(said)
