"""How long `scripts/up.sh` takes until its first detection on a prepared machine: environment and archive are there.

Measured on a copy of this checkout with ports of its own, so that a service that runs is left alone. The first start
finds no compiled model, the later ones do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.meter import Tick
from benchmarks.paths import ROOT, WORK
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.directories import fresh, short_directory
from benchmarks.servers.processes import free_ports, interrupt
from benchmarks.servers.variables import clean
from ops.errors import OpsError

COPY = WORK / "startup"
PARTS = ("scripts", "ops", "serving", "api-gateway", "samples", "constraints.txt", ".env.example")
STARTS, WANTED_S = 3, 12.0
#: What ops.predict.show prints below the picture's name.
DETECTION = re.compile(r"  \S.* \d\.\d{3}  \[|  nothing found above")


def prepare(artifacts: Artifacts, copy: Path = COPY) -> dict[str, str]:
    """Make the copy, prepared; return the environment that its scripts run in."""
    fresh(copy)
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "model-store"))
        else:
            shutil.copyfile(ROOT / name, copy / name)
    shutil.copytree(artifacts.store, copy / "serving" / "torchserve" / "model-store")
    (copy / "models" / "weights").mkdir(parents=True)
    shutil.copyfile(artifacts.weights, copy / "models" / "weights" / "best.pt")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    names = re.findall(r"^([A-Z_]+_PORT)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    ports = {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return {**clean(), **ports, "TMPDIR": str(fresh(short_directory() / "startup"))}


def first_detection_s(copy: Path, environment: dict[str, str]) -> float:
    """Run up.sh; return the seconds until it printed a detection. Raises OpsError with the end of what it said."""
    start, took = time.perf_counter(), None
    child = subprocess.Popen(
        ["bash", "scripts/up.sh", "--native"], cwd=copy, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    said = []
    try:
        for line in child.stdout or ():
            if took is None and DETECTION.match(line):
                took = time.perf_counter() - start
            said.append(line)
        code = child.wait()
    finally:
        interrupt(child)
    if code != 0 or took is None:
        raise OpsError(f"up.sh ended with exit code {code} and printed no detection:\n{''.join(said[-20:])}")
    return took


def down(copy: Path, environment: dict[str, str]) -> None:
    """Stop what up.sh started in the copy, if it did. Not by down.sh: that stops Docker's services too."""
    if (copy / ".run").is_dir():
        argv = [".venv/bin/python", "-m", "ops", "down"]
        subprocess.run(argv, cwd=copy, env=environment, capture_output=True, check=False)


def measure(artifacts: Artifacts, tick: Tick, starts: int = STARTS) -> list[float]:
    """Start so often; return the seconds of each. Nothing runs when this returns. Raises OpsError."""
    # A run that was killed may have left a service; it is found by the same temporary directory.
    down(COPY, {**clean(), "TMPDIR": str(short_directory() / "startup")})
    environment = prepare(artifacts)
    seconds = []
    try:
        for _ in range(starts):
            seconds.append(round(first_detection_s(COPY, environment), 2))
            tick(seconds[-1])
            down(COPY, environment)
    finally:
        down(COPY, environment)
        shutil.rmtree(COPY, ignore_errors=True)
    return seconds


def rows(seconds: list[float]) -> list[list[str]]:
    """Return the starts as a table; the slowest counts."""
    each = ", ".join(f"{one:.1f}" for one in seconds)
    kept = "yes" if max(seconds) <= WANTED_S else "no"
    return [
        ["up.sh on a prepared machine, s", "to the first detection", "wanted", "kept"],
        [f"{len(seconds)} starts, the first without a compiled model", each, f"≤ {WANTED_S:g}", kept],
    ]
