"""The command line of the race: standard library only, so that it is checked before minutes of installing.

python3 -m benchmarks.options ARGUMENT …     exit code 0 when they can be used, 2 with the reason otherwise
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.contestants.roster import ALL, choose
from benchmarks.plan import FULL, QUICK, Plan, Shape


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
    """Read `1,4,16`: whole numbers above 0, ascending, each once."""
    return tuple(sorted({positive(part) for part in text.split(",")}))


def cpu_list(text: str) -> list[int]:
    """Read `0,2-3`: CPU numbers."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return sorted(found)


def shape(text: str) -> Shape:
    """Read `2x1`: workers and threads of each."""
    workers, threads = text.lower().replace("×", "x").split("x")
    return Shape(positive(workers), positive(threads))


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    names = ", ".join(one.name for one in ALL)
    root = argparse.ArgumentParser(
        prog="bash scripts/bench.sh",
        description="Race this stack against other ways to serve the same weights, on this machine, in one run. "
        "A full run takes about 35 minutes, the first one some minutes more to install the rivals.",
        epilog=f"Contestants: {names}. A race of everyone at full length writes "
        "benchmarks/results/latest.{json,md,png}, others quick.*, which git ignores. Method: benchmarks/README.md.",
    )
    root.add_argument("--quick", action="store_true", help="about two minutes: fewer contestants, one short round")
    root.add_argument("--only", metavar="NAME", action="append", help="only this contestant (may be given repeatedly)")
    root.add_argument("--rounds", type=positive, help=f"rounds (default {FULL.rounds})")
    root.add_argument("--seconds", type=seconds, help=f"seconds per load (default {FULL.seconds:g})")
    root.add_argument("--clients", type=numbers, metavar="1,4,16", help="closed-loop clients")
    root.add_argument(
        "--loads", type=numbers, metavar="50,80", help="open-loop loads, percent of a contestant's capacity"
    )
    root.add_argument("--weights", type=Path, metavar="FILE", help="the .pt (default: models/weights/best.pt)")
    root.add_argument(
        "--pictures", type=Path, metavar="DIR", help="JPEGs (default: ../shared/photos if there, and samples/)"
    )
    root.add_argument(
        "--int8", nargs="?", const="auto", metavar="FILE.mar",
        help="also race an int8 archive of this stack: the file named, or one packaged now",
    )  # fmt: skip
    root.add_argument(
        "--cpus", type=cpu_list, metavar="0,1", help="CPUs for the servers (default: all this process may use)"
    )
    root.add_argument(
        "--client-cpus", type=cpu_list, metavar="2-3", help="CPUs for the load generator (default: the servers')"
    )
    root.add_argument(
        "--shape", type=shape, metavar="2x1", help="workers×threads of every rival, instead of the better of two"
    )
    root.add_argument(
        "--own-shape", type=shape, metavar="2x1", help="workers×threads of this stack, not its own choice"
    )
    root.add_argument(
        "--tune", action="store_true", help="measure the rivals' shapes again, even if they are remembered"
    )
    root.add_argument("--out", metavar="NAME", help="write benchmarks/results/NAME.{json,md,png}")
    root.add_argument(
        "--overhead",
        action="store_true",
        help="instead of racing: what gateway and TorchServe add, in ms, and how long a start takes",
    )
    root.add_argument("--calls", type=positive, default=200, help="calls of each kind for --overhead (default 200)")
    return root


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; ends the program with exit code 2 and the reason when it cannot be used."""
    root = parser()
    options = root.parse_args(arguments)
    try:
        options.contestants = choose(options.only, options.quick, bool(options.int8))
    except ValueError as error:
        root.error(f"--only: {error}")
    return options


def plan_of(options: argparse.Namespace) -> Plan:
    """Return how much is measured."""
    base = QUICK if options.quick else FULL
    return Plan(
        rounds=options.rounds or base.rounds,
        seconds=options.seconds or base.seconds,
        warm_s=base.warm_s,
        clients=options.clients or base.clients,
        loads=options.loads or base.loads,
    )


def name_of(options: argparse.Namespace) -> str:
    """Return the results' name: `latest` only for a race with everyone at full length."""
    changed = ("quick", "only", "seconds", "rounds", "clients", "loads", "shape", "own_shape")
    shortened = any(getattr(options, name) for name in changed)
    return options.out or ("quick" if shortened else "latest")


if __name__ == "__main__":
    parse()
