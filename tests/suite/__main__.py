"""The whole suite on two cores: python -m tests.suite. It installs the tests' environment, so it needs Python alone.

Which rings run beside each other, and which one after the other, is said here.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.suite.running import Outcome, Step, Suite, with_what_they_need

ROOT = Path(__file__).resolve().parents[2]
PYTHON = str(ROOT / ".venv/bin/python")
# Tests that use one core each run in two processes, each with whole files, in the order of tests/conftest.py: by
# default xdist would begin with the files of most tests, and end with the longest tests.
TWO = ("--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def ring(name: str, *arguments: str, after: tuple[str, ...]) -> Step:
    """Return the step that runs a ring of tests."""
    return Step(name, (PYTHON, "-m", "pytest", *arguments), after)


# One call of pytest for each ring: ultralytics replaces Pillow's open, and NNCF Python's logger class, for the whole
# process. The packager lives with that; the handler and the gateway never meet them, here as in service.
STEPS = [
    Step("install", (sys.executable, "-m", "ops.setup.environment", "--test"), required=True),
    # The compose ring finds the images in the engine's cache.
    Step("images", ("nice", sys.executable, "tests/compose/engine.py", "warm"), helper=True),
    # Other programs take minutes to install or to build; a test that needs one waits for it.
    Step("peers", ("nice", PYTHON, "-m", "tests.gateway.peers"), ("install",), helper=True),
    # Its tests depend most on time, so no other ring runs beside it.
    ring(
        "gateway",
        *(*TWO, "tests/gateway", "tests/scripts", "tests/unit/common", "tests/unit/serving", "tests/unit/benchmarks"),
        "tests/unit/support",
        after=("install",),
    ),
    # The native ring waits for programs that start, half of the time. Meanwhile the others compute.
    ring("native", "tests/native", after=("gateway",)),
    ring("browser", *TWO, "tests/browser", after=("gateway",)),
    Step("lint", ("bash", "scripts/test.sh", "--lint"), ("browser",)),
    ring("yolo", "tests/unit/yolo", "tests/unit/parity", after=("browser",)),
    ring("ops", *TWO, "tests/unit/ops", after=("yolo",)),
    # It waits as much as the native ring does, and is the second longest.
    ring("compose", "tests/compose", after=("images", "browser")),
]


def row(outcome: Outcome) -> str:
    """Return a line of the table: seconds on the clock, of CPU time, and the step's name."""
    if outcome.code is None:
        return f"{'-':>6}   {'-':>6}    {outcome.step.name}: not run"
    said = "" if outcome.code == 0 else " (failed)"
    return f"{outcome.seconds:6.0f} s {outcome.cpu_s:6.0f} s  {outcome.step.name}{said}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; return 1 if a step failed, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="tests.suite", description="The whole suite, or some of its rings.")
    rings = [step.name for step in STEPS if not step.required and not step.helper]
    parser.add_argument("--ring", action="append", choices=rings, help="this ring alone (may be repeated)")
    chosen = parser.parse_args(arguments).ring
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what it puts in the background with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    suite = Suite(
        with_what_they_need(STEPS, chosen) if chosen else STEPS,
        ROOT / ".run/tests",
        lambda text: print(text, flush=True),
    )
    try:
        passed = suite.run()
    except KeyboardInterrupt:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # everything is stopped; one more would only end this in a traceback
        print("error: interrupted", file=sys.stderr)
        return 130
    print("\nSeconds of each step, on the clock and of CPU time", *map(row, suite.outcomes.values()), sep="\n")
    if not passed:
        failed = [name for name, outcome in suite.outcomes.items() if outcome.has_failed]
        print(f"error: failed or did not run (above): {', '.join(failed)}", file=sys.stderr)
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
