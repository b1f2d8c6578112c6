"""Start and stop a side of a blue/green switch natively, as a program of the supervisor.

Green has a configuration file of its own, so that it is started again with the others. Blue is one of the usual
programs.
"""

from __future__ import annotations

import os
from pathlib import Path

from ops.errors import NotRunningError, OpsError, UsageError
from ops.native import ports, supervisor
from ops.paths import COMMON, SERVING, VENV, socket_dir
from ops.store.bluegreen import BLUE, GREEN, PROGRAMS, Made, Sides
from ops.system.settings import load


def check(side: str, made: Made) -> None:
    """Check a side before anything is started. Raises OpsError."""
    if not supervisor.states():
        raise NotRunningError("no service runs here yet. Start it first: bash scripts/up.sh. Nothing changed")
    if side == BLUE:
        return
    folder, python = Path(made.serving or SERVING), Path(made.python or supervisor.PYTHON)
    if not (folder / "entrypoint.py").is_file():
        raise UsageError(f"{folder} is not a folder of serving code: it has no entrypoint.py. Nothing changed")
    if not os.access(python, os.X_OK):
        raise UsageError(f"{python} is not an executable Python. Nothing changed")
    if supervisor.states().get(PROGRAMS[GREEN]) is None:
        ports.require_free("127.0.0.1", {f"GREEN_{name}": port for name, port in load().green_ports.items()})


def describe(made: Made) -> None:
    """Write the configuration of green, for `start` and for later starts of the supervisor. Raises OpsError."""
    folder, python = Path(made.serving or SERVING), Path(made.python or VENV / "bin" / "python")
    environment = {
        **{name: str(port) for name, port in load().green_ports.items()},
        "TORCHSERVE_RUN_DIR": str(socket_dir() / PROGRAMS[GREEN]),
        "HANDLER_FROM": made.handler,
        # A folder that was copied alone lacks the common modules, which a checkout has next to serving/.
        **({} if (folder.parent.parent / COMMON.name).is_dir() else {"PYTHONPATH": str(COMMON)}),
    }
    supervisor.describe_program(PROGRAMS[GREEN], [str(python), "entrypoint.py"], folder, environment)


def start(side: str, made: Made) -> None:
    """Start or restart a side. Raises OpsError."""
    if side == BLUE:
        supervisor.restart_program(PROGRAMS[BLUE])
        return
    describe(made)
    supervisor.add_program(PROGRAMS[GREEN])


def stop(side: str) -> None:
    """Stop a side if it runs. Raises OpsError."""
    if side == BLUE:
        supervisor.stop_program(PROGRAMS[BLUE])
    else:
        supervisor.remove_program(PROGRAMS[GREEN])


def is_alive(side: str) -> bool:
    """Tell whether a side keeps running after it was started."""
    return PROGRAMS[side] not in supervisor.list_failing()


def restore(sides: Sides) -> tuple[str, ...]:
    """Write or remove the configuration of green before the supervisor starts. Returns the programs not to start.

    Raises OpsError.
    """
    if sides.has(GREEN) and sides.green is not None:
        try:
            describe(sides.green)
        except OpsError:
            supervisor.forget_program(PROGRAMS[GREEN])
            raise
    else:
        supervisor.forget_program(PROGRAMS[GREEN])
    return () if sides.has(BLUE) or not sides.has(GREEN) else (PROGRAMS[BLUE],)
