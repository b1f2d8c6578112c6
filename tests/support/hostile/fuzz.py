"""A fuzzer with a fixed seed: mutated pictures through the gateway's and the model server's code, in a child process.

    python -m tests.support.hostile.fuzz --seconds 3600 --seed 7 --keep /tmp/found

Watches CPU time and memory as well as errors (see `promises`). A crash, or a picture that takes minutes, ends the
child; the picture is kept, and another child goes on behind it. Prints what it found; the exit code is 1 if there is
anything.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.tree import ROOT

#: Seconds without progress that end the child.
_STALLED_S = 120


def fuzz(seconds: float, seed: int, keep: Path, report: bool = False) -> list[str]:
    """Fuzz for so long, and return what broke a promise; the pictures are kept in the folder."""
    keep.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    first, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        done, lines = _run_child(seed, first, ends - time.monotonic(), keep)
        found += lines
        if report and lines:
            print(*lines, sep="\n", flush=True)
        first = done + 1
    if report:
        print(f"{first} pictures", flush=True)
    return found


def _run_child(seed: int, first: int, seconds: float, keep: Path) -> tuple[int, list[str]]:
    """Return the number of the last picture, and what was found."""
    command = [
        sys.executable,
        "-m",
        "tests.support.hostile.fuzz",
        "--child",
        "--seed",
        str(seed),
        "--first",
        str(first),
    ]
    command += ["--seconds", str(seconds), "--keep", str(keep)]
    folders = (ROOT, ROOT / "api-gateway", ROOT / "common", ROOT / "serving/torchserve")
    environment = {"PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"}
    progress = keep / "progress"
    progress.write_text(str(first))
    log = keep / "log"  # decoders write as much as they like to stderr, which would fill a pipe
    with log.open("w") as written:
        child = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=written, stderr=subprocess.STDOUT)
        while child.poll() is None:
            time.sleep(0.05)
            if time.time() - progress.stat().st_mtime > _STALLED_S:
                child.kill()
    out = log.read_text(errors="replace")
    lines = [line for line in out.splitlines() if line.startswith("FOUND ")]
    number = int(progress.read_text() or first)
    if child.returncode:
        (keep / "last").replace(keep / f"crash-{number}")
        lines.append(f"FOUND {number}: the process ended with {child.returncode}: {out[-300:]}")
    return number, lines


def _child(seed: int, first: int, seconds: float, keep: Path) -> None:
    import resource

    from tests.support.hostile.mutate import mutated
    from tests.support.hostile.promises import broken_promises

    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    ends, number = time.monotonic() + seconds, first
    while True:
        # Each picture has a generator of its own, so that one can be made again without those before it.
        name, data = mutated(random.Random(f"{seed}-{number}"))
        (keep / "last").write_bytes(data)
        (keep / "progress").write_text(str(number))
        if broken := broken_promises(data):
            (keep / f"found-{number}").write_bytes(data)
            print(f"FOUND {number} ({name}, {len(data)} bytes): {'; '.join(broken)}", flush=True)
        if time.monotonic() >= ends:
            return
        number += 1


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "hostile-pictures")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        _child(chosen.seed, chosen.first, chosen.seconds, chosen.keep)
        return 0
    return bool(fuzz(chosen.seconds, chosen.seed, chosen.keep, report=True))


if __name__ == "__main__":
    raise SystemExit(main())
