"""What other models cost: throughput of `yolo` alone, next to a model that is loaded and idle, and to an unloaded one.

One TorchServe is in all three states in turn, two seconds each and many times over, so that all states see the
machine's good and bad moments alike: these last longer than a round. Then the other model is unloaded and asked for:
its first answer should come within the time that its load takes plus one second.
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants.answers import await_first_answer, read_boxes
from benchmarks.contestants.images import find_images
from benchmarks.contestants.roster import BY_NAME
from benchmarks.load.target import Target
from benchmarks.meter import Meter
from benchmarks.paths import RESULTS
from benchmarks.plan import Shape
from benchmarks.report import machine, stats
from benchmarks.report.tables import DASH, Row, aligned, number
from benchmarks.servers import artifacts
from benchmarks.servers.launcher import Launcher
from benchmarks.servers.processes import Tree
from benchmarks.servers.server import Server
from benchmarks.session import bar, pin
from ops.errors import OpsError
from ops.paths import current_archive, store_of
from ops.terminal.console import say

OTHER = "other"
STATES = {"alone": "yolo alone", "loaded": "a second model, loaded and idle", "unloaded": "a second model, unloaded"}
CLIENTS, WARM_S, SECONDS, ROUNDS, WAKES = 4, 0.5, 2.0, 27, 4
#: The share of the throughput that an idle model may cost, and the seconds that an answer may take beyond the load.
COST, GRACE_S = 0.02, 1.0
LOAD_S = 180.0
#: Between states: what a worker's end leaves to be done is not measured.
SETTLE_S = 1.0
#: Seconds without a request in each state: the CPU time of the server then is what the state itself costs.
REST_S = 1.0


def run(options: argparse.Namespace) -> int:
    """Measure and write `results/other_models.json`. Returns the exit code. Raises OpsError."""
    cpus, weights, images = pin(options.cpus), artifacts.find_weights(options.weights), find_images(options.pictures)
    made = artifacts.with_other_model(artifacts.make_all(weights, images, None), OTHER)
    seconds = ROUNDS * len(STATES) * (WARM_S + SECONDS + SETTLE_S + REST_S + 1.5) + WAKES * 8
    with bar(seconds) as progress, Server("stack") as server:
        Launcher(made, options.own_shape).start(server, Shape(0, 0))
        meter = Meter(images, cpus, options.client_cpus or cpus, progress.tick)
        target = Target(server.ports["gateway"], "/predict", "file")
        try:
            await_first_answer(BY_NAME["stack_gateway"], target, images[0], server.exit_code)
            model = OtherModel(server.ports["management"], current_archive(store_of(OTHER, made.store)).name)
            trees = list(server.trees.values())
            phases = interleave(model, lambda: meter.closed(target, trees, CLIENTS, WARM_S, SECONDS), server)
            wakes = [wake(model, server, images[0]) for _ in range(WAKES)]
        except OpsError as error:
            raise OpsError(f"{error}\n{server.tail()}") from error
    found = {"machine": machine.describe(cpus), "commit": machine.commit(), **summarise(phases), "wakes_s": wakes}
    say(f"\n{aligned(table(found))}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "other_models.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


class OtherModel:
    """The second model on the same TorchServe. Its methods raise OpsError."""

    def __init__(self, management: int, archive: str) -> None:
        self._url = f"http://127.0.0.1:{management}/models"
        self._archive = archive
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def bring_into(self, state: str) -> None:
        """Bring the server into one of STATES, and wait until it is."""
        if state == "alone":
            if self._is_there():
                self._ask("DELETE", f"/{OTHER}")
            return
        if not self._is_there():
            self._ask("POST", f"?url={self._archive}&model_name={OTHER}")
        self.scale(1 if state == "loaded" else 0)

    def scale(self, workers: int) -> float:
        """Set the number of workers; return the seconds until all of them are READY."""
        start = time.perf_counter()
        self._ask("PUT", f"/{OTHER}?min_worker={workers}&max_worker={workers}&synchronous=true")
        return time.perf_counter() - start

    def _is_there(self) -> bool:
        try:
            self._ask("GET", f"/{OTHER}")
        except OpsError:
            return False
        return True

    def _ask(self, method: str, suffix: str) -> None:
        request = urllib.request.Request(self._url + suffix, method=method)  # noqa: S310 - loopback
        try:
            with self._opener.open(request, timeout=LOAD_S):
                pass
        except OSError as error:
            raise OpsError(f"TorchServe: {method} {suffix}: {error}") from error


def interleave(model: OtherModel, measure: Callable[[], dict[str, Any]], server: Server) -> dict[str, list[Any]]:
    """Measure each state once a round, each round in another order; return the phases by state."""
    phases: dict[str, list[Any]] = {state: [] for state in STATES}
    for state in orders(list(STATES), ROUNDS):
        model.bring_into(state)
        time.sleep(SETTLE_S)
        memory_mb = server.trees["torchserve"].memory_mb()
        rest = cpu_at_rest(list(server.trees.values()))
        phases[state].append({**measure(), "memory_mb": dict(memory_mb), "rest_cpu_ms_per_s": rest})
    return phases


def cpu_at_rest(trees: Sequence[Tree]) -> float:
    """Return the CPU milliseconds a second that the processes use while nobody asks."""
    before, start = sum(tree.cpu_s() for tree in trees), time.perf_counter()
    time.sleep(REST_S)
    used_s = sum(tree.cpu_s() for tree in trees) - before
    return used_s * 1000 / (time.perf_counter() - start)


def orders(states: list[str], rounds: int) -> Iterator[str]:
    """Yield each state once a round, rotated and reversed in turn: none always follows the same one."""
    for turn in range(rounds):
        rotated = states[turn % len(states) :] + states[: turn % len(states)]
        yield from rotated if turn % 2 == 0 else reversed(rotated)


def wake(model: OtherModel, server: Server, image: Path) -> dict[str, float]:
    """Return how long a load takes, and the first answer of the unloaded model. Raises OpsError."""
    model.bring_into("unloaded")
    load_s = model.scale(1)
    model.scale(0)
    time.sleep(2 * SETTLE_S)  # the gateway sees it
    target = Target(server.ports["gateway"], f"/predict?model={OTHER}", "file")
    start = time.perf_counter()
    read_boxes(BY_NAME["stack_gateway"], target, image, LOAD_S)
    first_s = time.perf_counter() - start
    start = time.perf_counter()
    read_boxes(BY_NAME["stack_gateway"], target, image)
    return {"load": load_s, "first_answer": first_s, "answer": time.perf_counter() - start}


def summarise(phases: dict[str, list[Any]]) -> dict[str, Any]:
    """Return, by state: images per second, the ratio to `alone` round by round, errors, and memory."""
    alone = [stats.rate(phase) for phase in phases["alone"]]
    return {
        "states": {
            state: {
                **stats.summarise(found),
                "of_alone": stats.ratio([stats.rate(phase) for phase in found], alone),
                "memory_mb": stats.spread([phase["memory_mb"].get("pss", 0.0) for phase in found]),
                "rest_cpu_ms_per_s": stats.spread([phase["rest_cpu_ms_per_s"] for phase in found]),
            }
            for state, found in phases.items()
        }
    }


def table(found: dict[str, Any]) -> list[Row]:
    """Return the states and the wakes as a table."""
    rows = [[
        "", "images/s", "of alone", f"cost ≤ {COST:.0%}", "CPU ms an image", "CPU ms/s at rest", "TorchServe, MB",
        "errors",
    ]]  # fmt: skip
    for state, title in STATES.items():
        one = found["states"][state]
        share = one["of_alone"]["median"]
        kept = DASH if state == "alone" else "yes" if share >= 1 - COST else "no"
        rows.append([
            title, number(one["images_per_s"]["median"], 2), f"{share:.3f}", kept, number(one["server_cpu_ms"]),
            number(one["rest_cpu_ms_per_s"]["median"]), number(one["memory_mb"]["median"], 0),
            str(sum(one["errors"].values())),
        ])  # fmt: skip
    for one in found["wakes_s"]:
        kept = "yes" if one["first_answer"] <= one["load"] + GRACE_S else "no"
        rows.append([
            f"first answer of the unloaded model, load + {GRACE_S:g} s", f"{one['first_answer']:.2f} s",
            f"load {one['load']:.2f} s", kept, DASH, DASH, DASH, DASH,
        ])  # fmt: skip
    return rows
