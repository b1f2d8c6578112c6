"""The load generator's process: `python -m benchmarks.load < plan.json > measured.json`.

A plan is {"kind": "closed" | "open" | "alternating" | "crowd", "targets": […], "pictures": […], "cpus": […], …}, with
the arguments of the function in `loops` or `crowd` for its kind.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load import loops
from benchmarks.load.crowd import Group, crowd
from benchmarks.load.target import Target


async def run(plan: dict[str, Any]) -> object:
    """Run the load that a plan describes and return its measurements."""
    targets = [Target(**target) for target in plan["targets"]]
    images = [Path(image) for image in plan["pictures"]]
    match plan["kind"]:
        case "closed":
            return asdict(await loops.closed(targets[0], images, plan["clients"], plan["warm_s"], plan["seconds"]))
        case "open":
            return asdict(await loops.opened(targets[0], images, plan["rate"], plan["seconds"]))
        case "alternating":
            return await loops.alternating(targets, images[0], plan["calls"])
        case "crowd":
            groups = [Group(**group) for group in plan["groups"]]
            around = {name: plan[name] for name in ("idle", "slow")}
            return await crowd(targets[0], images, groups, plan["seconds"], plan["patience_s"], **around)
    raise ValueError(f"unknown kind {plan['kind']!r}")


def main() -> None:
    """Read a plan from standard input and write the measurements to standard output."""
    plan = json.load(sys.stdin)
    if plan.get("cpus"):
        with suppress(AttributeError, OSError):  # not every system has CPU affinity
            os.sched_setaffinity(0, plan["cpus"])
    # An open loop against a server that is stuck has thousands of connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    json.dump(asyncio.run(run(plan)), sys.stdout)


if __name__ == "__main__":
    main()
