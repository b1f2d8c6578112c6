"""The load generator's process: `python -m benchmarks.load < plan.json > measured.json`.

A plan is {"kind": "closed" | "open" | "alternating", "targets": […], "pictures": […], "cpus": […], …}, with the
arguments of the function in `loops` for its kind.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load import loops
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
    raise ValueError(f"unknown kind {plan['kind']!r}")


def main() -> None:
    """Read a plan from standard input and write the measurements to standard output."""
    plan = json.load(sys.stdin)
    if plan.get("cpus"):
        with suppress(AttributeError, OSError):  # not every system has CPU affinity
            os.sched_setaffinity(0, plan["cpus"])
    json.dump(asyncio.run(run(plan)), sys.stdout)


if __name__ == "__main__":
    main()
