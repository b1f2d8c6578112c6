"""The command line. Standard library only, so that it can be checked before minutes of installing.

python3 -m benchmarks.options ARGUMENT …     exit code 0 when the arguments are valid, else 2 and the reason
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from benchmarks.contestants.roster import ALL, choose
from benchmarks.plan import FULL, OVERLOAD, OVERLOAD_QUICK, QUICK, OverloadPlan, Plan, Shape


def positive(text: str) -> int:
    """Read a whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def seconds(text: str) -> float:
    """Read a duration of at least half a second."""
    value = float(text)
    if not 0.5 <= value <= 3600:
        raise ValueError(text)
    return value


def numbers(text: str) -> tuple[int, ...]:
    """Read `1,4,16`: whole numbers above 0. They are sorted, and duplicates removed."""
    return tuple(sorted({positive(part) for part in text.split(",")}))


def cpu_list(text: str) -> list[int]:
    """Read `0,2-3`: CPU numbers."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return sorted(found)


def shape(text: str) -> Shape:
    """Read `2x1`: workers, and threads of each."""
    return Shape.parse(text)


def path(text: str) -> Path:
    """Read a path, relative to the folder that bench.sh was called in."""
    return Path(os.environ.get("CALLER_PWD", "")) / text


def archive(text: str) -> str:
    """Read an archive's path, or "auto"."""
    return text if text == "auto" else str(path(text))


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    root = argparse.ArgumentParser(
        prog="bash scripts/bench.sh",
        description="Race this stack against other ways to serve the same weights, on this machine, in one run. "
        "A full run takes about 35 minutes, --overload about 17; the first one takes some minutes more to install the "
        "rivals.",
        epilog=f"Contestants: {', '.join(one.name for one in ALL)}. A race of all of them at full length writes "
        "benchmarks/results/latest.{json,md,png}, any other one quick.*, which git ignores. "
        "Method: benchmarks/README.md.",
    )
    add = root.add_argument
    add("--quick", action="store_true", help="about two minutes: fewer contestants, one short round")
    add("--only", metavar="NAME", action="append", help="only this contestant (may be repeated)")
    add("--rounds", type=positive, help=f"rounds (default {FULL.rounds})")
    add("--seconds", type=seconds, help=f"seconds per load (default {FULL.seconds:g})")
    add("--clients", type=numbers, metavar="1,4,16", help="closed-loop clients")
    add("--loads", type=numbers, metavar="50,80", help="open-loop loads, percent of a contestant's capacity")
    add(
        "--patience", type=seconds, metavar="S",
        help=f"with --overload: when a client that has no answer leaves (default {OVERLOAD.patience_s:g} s)",
    )  # fmt: skip
    add("--weights", type=path, metavar="FILE", help="the .pt (default: models/weights/best.pt)")
    add("--pictures", type=path, metavar="DIR", help="JPEGs (default: ../shared/photos if it exists, and samples/)")
    add(
        "--int8", type=archive, nargs="?", const="auto", metavar="FILE.mar",
        help="also race an int8 archive of this stack: the named file, or one packaged now",
    )  # fmt: skip
    add("--cpus", type=cpu_list, metavar="0,1", help="CPUs for the servers (default: all that this process may use)")
    add("--client-cpus", type=cpu_list, metavar="2-3", help="CPUs for the load generator (default: the servers')")
    add("--shape", type=shape, metavar="2x1", help="workers×threads of every rival, not the better of two")
    add("--own-shape", type=shape, metavar="2x1", help="workers×threads of this stack, not its own choice")
    add("--tune", action="store_true", help="measure the rivals' shapes again, even if they are known")
    add("--out", metavar="NAME", help="write benchmarks/results/NAME.{json,md,png}")
    add("--overhead", action="store_true", help="do not race: measure what the layers add, and the time to start")
    add(
        "--overload", action="store_true",
        help=f"do not race: requests at {', '.join(f'{load / 100:g}' for load in OVERLOAD.loads)} times each "
        f"contestant's own capacity, {OVERLOAD.seconds:g} s each; takes "
        f"about {OVERLOAD.duration_s(3, 1) / 60:.0f} minutes, {OVERLOAD.duration_s(0, 1) / 60:.0f} with --only "
        f"stack_gateway, {OVERLOAD_QUICK.duration_s(2, 1) / 60:.0f} with --quick",
    )  # fmt: skip
    add("--models", action="store_true", help="do not race: measure what a second model costs, and waking it")
    add("--capacity", action="store_true", help="do not race: compute and simulate how many machines a rate takes")
    add(
        "--rates", type=numbers, metavar="10,1000", help="with --capacity: images per second (default 10, 1000, 100000)"
    )
    add("--calls", type=positive, default=200, help="calls of each kind for --overhead (default 200)")
    return root


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line. Exits with code 2 and the reason when it is invalid."""
    root = parser()
    options = root.parse_args(arguments)
    try:
        options.contestants = choose(options.only, options.quick, bool(options.int8), options.overload)
    except ValueError as error:
        root.error(f"--only: {error}")
    return options


def plan_of(options: argparse.Namespace) -> Plan:
    """Return how much is measured."""
    given = {name: getattr(options, name) for name in ("rounds", "seconds", "clients", "loads")}
    return replace(QUICK if options.quick else FULL, **{name: value for name, value in given.items() if value})


def overload_plan_of(options: argparse.Namespace) -> OverloadPlan:
    """Return how much is measured under overload."""
    given = {"seconds": options.seconds, "loads": options.loads, "patience_s": options.patience}
    plan = OVERLOAD_QUICK if options.quick else OVERLOAD
    return replace(plan, **{name: value for name, value in given.items() if value})


def results_name(options: argparse.Namespace) -> str:
    """Return the name of the result files: `latest` only for a race of all contestants at full length."""
    shortening = ("quick", "only", "seconds", "rounds", "clients", "loads", "shape", "own_shape")
    shortened = any(getattr(options, name) for name in shortening)
    if options.overload:
        return options.out or ("overload-quick" if shortened or options.patience else "overload")
    return options.out or ("quick" if shortened else "latest")


if __name__ == "__main__":
    parse()
