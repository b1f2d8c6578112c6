"""The front door: `python -m benchmarks --help`, started by scripts/bench.sh in an environment of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import other_models, overhead, overload, race
from benchmarks.capacity import run as capacity
from benchmarks.options import parse
from benchmarks.paths import WORK
from benchmarks.servers.processes import stop_leftovers
from benchmarks.session import exclusive, stop_servers_on_signals
from ops.errors import OpsError, from_os_error
from ops.terminal.console import say


def measurement_of(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """Return what is to be measured: the race unless something else is named."""
    if options.overhead:
        return overhead.run
    if options.models:
        return other_models.run
    if options.capacity:
        return capacity.run
    return overload.run if options.overload else race.run


def main() -> int:
    """Race, or measure the overhead, what other models cost, or an overload; or compute a capacity.

    A failure is one message and exit code 1, an interruption 130.
    """
    options = parse()
    stop_servers_on_signals()
    try:
        (WORK / "ultralytics").mkdir(parents=True, exist_ok=True)
        with exclusive():
            if stopped := stop_leftovers(WORK):
                say(f"stopped {stopped} process(es) of an interrupted run")
            return measurement_of(options)(options)
    except OpsError as error:
        say(f"error: {error}")
        return 1
    except OSError as error:
        say(f"error: {from_os_error(error, 'racing')}")
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted: all servers are stopped, no results are written")
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
