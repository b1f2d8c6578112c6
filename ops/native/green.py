"""Starting and stopping a side natively: programs under the supervisor that runs the rest. In Compose, Compose does it.

Green is described in a file of its own beside the supervisor's, so it is started again with the others; blue is one of
the usual programs.
"""

from __future__ import annotations

import os
from pathlib import Path

from ops.errors import NotRunningError, OpsError, UsageError
from ops.native import ports, supervisor
from ops.paths import SERVING, VENV, socket_dir
from ops.store.bluegreen import BLUE, GREEN, PROGRAMS, Made, Sides
from ops.system.settings import load


def check(side: str, made: Made) -> None:
    """Check what can be checked before anything is started. Raises OpsError."""
    if not supervisor.states():
        raise NotRunningError("no service runs here yet. Start it first: bash scripts/up.sh. Nothing changed")
    if side == BLUE:
        return
    folder, python = Path(made.serving or SERVING), Path(made.python or supervisor.PYTHON)
    if not (folder / "entrypoint.py").is_file():
        raise UsageError(f"{folder} is no folder of serving code: there is no entrypoint.py in it. Nothing changed")
    if not os.access(python, os.X_OK):
        raise UsageError(f"{python} is no Python that can be run. Nothing changed")
    if supervisor.states().get(PROGRAMS[GREEN]) is None:
        ports.require_free("127.0.0.1", {f"GREEN_{name}": port for name, port in load().green_ports.items()})


def describe(made: Made) -> None:
    """Write down how green is started: now by `start`, later with the other programs. Raises OpsError."""
    folder, python = Path(made.serving or SERVING), Path(made.python or VENV / "bin" / "python")
    environment = {
        **{name: str(port) for name, port in load().green_ports.items()},
        "TORCHSERVE_RUN_DIR": str(socket_dir() / PROGRAMS[GREEN]),
        "HANDLER_FROM": made.handler,
    }
    supervisor.write_added(PROGRAMS[GREEN], [str(python), "entrypoint.py"], folder, environment)


def start(side: str, made: Made) -> None:
    """Start a side anew. Raises OpsError."""
    if side == BLUE:
        supervisor.restart(PROGRAMS[BLUE])
        return
    describe(made)
    supervisor.add(PROGRAMS[GREEN])


def stop(side: str) -> None:
    """Stop a side, if it runs. Raises OpsError."""
    if side == BLUE:
        supervisor.rest(PROGRAMS[BLUE])
    else:
        supervisor.remove(PROGRAMS[GREEN])


def alive(side: str) -> bool:
    """Tell whether a side has not ended as soon as it was started."""
    return PROGRAMS[side] not in supervisor.failing()


def as_recorded(sides: Sides) -> tuple[str, ...]:
    """Describe green, or not, before everything is started. Returns the programs not to be. Raises OpsError."""
    if sides.there(GREEN) and sides.green is not None:
        try:
            describe(sides.green)
        except OpsError:
            supervisor.forget_added(PROGRAMS[GREEN])
            raise
    else:
        supervisor.forget_added(PROGRAMS[GREEN])
    return () if sides.there(BLUE) or not sides.there(GREEN) else (PROGRAMS[BLUE],)
