"""How long `scripts/up.sh` takes until its first detection when environment and archive already exist.

It runs in a copy of this checkout with ports of its own, so that a running service is not affected. The first start
compiles the model, the later ones find it compiled.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.meter import Tick
from benchmarks.paths import OWN_VENV, ROOT, WORK
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.directories import emptied, short_directory
from benchmarks.servers.processes import free_ports, interrupt
from benchmarks.servers.variables import base_variables
from ops.errors import OpsError

COPY = WORK / "startup"
PARTS = (
    *("scripts", "ops", "serving", "api-gateway", "common", "samples"),
    *("constraints.txt", ".env.example", "docker-compose.yml"),
)
STARTS, WANTED_S = 3, 12.0
#: The lines that up.sh prints below the image's name.
DETECTION = re.compile(r"  \S.* \d\.\d{3}  \[|  nothing found above")


def measure(artifacts: Artifacts, tick: Tick, starts: int = STARTS) -> list[float]:
    """Start and stop the service several times; return the seconds of each start. Raises OpsError."""
    # A killed run may have left a service; it is found through the same temporary directory.
    down(COPY, {**base_variables(), "TMPDIR": str(short_directory() / "startup")})
    env = prepare(artifacts)
    seconds = []
    try:
        for _ in range(starts):
            seconds.append(round(first_detection_s(COPY, env), 2))
            tick(seconds[-1])
            down(COPY, env)
    finally:
        down(COPY, env)
        shutil.rmtree(COPY, ignore_errors=True)
    return seconds


def prepare(artifacts: Artifacts) -> dict[str, str]:
    """Make the copy, with archive and weights; return the environment of its scripts."""
    emptied(COPY)
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, COPY / name, ignore=shutil.ignore_patterns("__pycache__", "model-store"))
        else:
            shutil.copyfile(ROOT / name, COPY / name)
    shutil.copytree(artifacts.store, COPY / "serving" / "torchserve" / "model-store")
    (COPY / "models" / "weights").mkdir(parents=True)
    shutil.copyfile(artifacts.weights, COPY / "models" / "weights" / "best.pt")
    (COPY / ".venv").symlink_to(OWN_VENV)
    names = re.findall(r"^([A-Z_]+_PORT)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    ports = {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return {**base_variables(), **ports, "TMPDIR": str(emptied(short_directory() / "startup"))}


def first_detection_s(copy: Path, env: dict[str, str]) -> float:
    """Run up.sh; return the seconds until it printed a detection. Raises OpsError with the end of its output."""
    start, took = time.perf_counter(), None
    child = subprocess.Popen(
        ["bash", "scripts/up.sh", "--native"], cwd=copy, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    output = []
    try:
        for line in child.stdout or ():
            if took is None and DETECTION.match(line):
                took = time.perf_counter() - start
            output.append(line)
        code = child.wait()
    finally:
        interrupt(child)
    if code != 0 or took is None:
        raise OpsError(f"up.sh exited with code {code} and printed no detection:\n{''.join(output[-20:])}")
    return took


def down(copy: Path, env: dict[str, str]) -> None:
    """Stop the service of the copy. Not through down.sh, which also stops Docker's services."""
    if (copy / ".run").is_dir():
        argv = [".venv/bin/python", "-m", "ops", "down"]
        subprocess.run(argv, cwd=copy, env=env, capture_output=True, check=False)


def table(seconds: list[float]) -> list[list[str]]:
    """Return the starts as a table; the slowest one counts."""
    each = ", ".join(f"{one:.1f}" for one in seconds)
    kept = "yes" if max(seconds) <= WANTED_S else "no"
    return [
        ["up.sh on a prepared machine, s", "to the first detection", "wanted", "kept"],
        [f"{len(seconds)} starts, the first without a compiled model", each, f"≤ {WANTED_S:g}", kept],
    ]
