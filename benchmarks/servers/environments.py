"""Create or repair the benchmark's environments. Standard library only: it runs before anything is installed.

    python3 -m benchmarks.servers.environments [NAME …]

`base` holds torch (CPU build), Ultralytics and OpenVINO once. Each rival's environment holds its server and sees `base`
through a `.pth` file. `tools` is the benchmark's own. A stamp records what an environment was made from: the next run
compares it and returns at once, or repeats an interrupted installation.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.paths import HERE, RIVALS, SHIM, VENVS, digest, python_of, site_packages
from ops.errors import OpsError
from ops.setup import environment
from ops.terminal.console import progress, size
from ops.terminal.exit import run_command

RIVAL_NAMES = ("fastapi_yolo", "litserve_yolo", "bentoml_yolo", "torchserve_plain")
NAMES = ("tools", "base", *RIVAL_NAMES)
NEEDED_BYTES = 5_000_000_000  # 2 GB installed, and as much again for the downloads while pip works
LOG = VENVS / "setup.log"
FORMAT = "1"  # increment it to recreate environments whose requirements have not changed


def folder_of(name: str) -> Path:
    """Return the folder with an environment's requirements.txt and constraints.txt."""
    return HERE if name == "tools" else RIVALS / name


def fingerprint(name: str) -> str:
    """Return a digest of an environment's requirements, and of those of the base that it sees."""
    folders = [folder_of(name)] if name in ("tools", "base") else [folder_of("base"), folder_of(name)]
    files = digest(path for folder in folders for path in sorted(folder.glob("*.txt")))
    return hashlib.sha256(f"{FORMAT} {platform.python_version()} {sys.executable} {files}".encode()).hexdigest()


def run(argv: list[str], title: str) -> None:
    """Run a command with its output in the log. Raises OpsError with the relevant lines."""
    with progress(title):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    with LOG.open("a") as stream:
        stream.write(f"$ {' '.join(argv)}\n{done.stdout}\n")
    if done.returncode != 0:
        raise OpsError(
            environment.explain_failure(
                [line for line in done.stdout.splitlines() if not line.startswith("WARNING")], LOG
            )
        )


def pip_install(name: str, *arguments: str, title: str) -> None:
    """Install packages into an environment. Raises OpsError."""
    pip = [str(python_of(name)), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run([*pip, *arguments], title)


def install_torch() -> None:
    """Install torch into base, from the index that this project's own environment uses. Raises OpsError."""
    torch = environment.pinned_requirement("torch", folder_of("base") / "requirements.txt")
    vision = environment.pinned_requirement("torchvision", folder_of("base") / "requirements-no-deps.txt")
    if index := environment.torch_index(python_of("base"), torch):
        pip_install("base", torch, vision, "--index-url", index, title="base: installing torch (CPU build)")
    else:
        pip_install("base", torch, title="base: installing torch")


@cache
def torchvision_loads() -> bool:
    """Return whether base's own torchvision can be imported; some builds of it need a CUDA build of torch."""
    done = subprocess.run([python_of("base"), "-c", "import torchvision"], capture_output=True, check=False)
    return done.returncode == 0


def link_base(name: str) -> None:
    """Let a rival's environment see base, and the substitute for torchvision when the real one does not load."""
    base = site_packages(VENVS / "base")
    lines = [str(base)] if torchvision_loads() else [str(SHIM), str(base)]
    (site_packages(VENVS / name) / "bench.pth").write_text("\n".join(lines) + "\n")


def make(name: str) -> None:
    """Create an environment unless its stamp says that it is current. Raises OpsError."""
    stamp = VENVS / f"{name}.stamp"
    wanted = fingerprint(name)
    if stamp.is_file() and stamp.read_text() == wanted and python_of(name).exists():
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(VENVS / name, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENVS / name)], f"{name}: creating its environment")
    folder = folder_of(name)
    constraints = str(folder / "constraints.txt")
    locked = ("-r", str(folder / "requirements.txt"), "-c", constraints)
    if name == "base":
        install_torch()
        # The constraints are installed, not only respected: torch's index brings versions of its own.
        pip_install(name, *locked, "-r", constraints, title="base: installing the requirements of Ultralytics")
        without = str(folder / "requirements-no-deps.txt")
        pip_install(name, "--no-deps", "-r", without, title="base: installing Ultralytics")
    else:
        if name in RIVAL_NAMES:
            link_base(name)
        pip_install(name, *locked, title=f"{name}: installing")
    stamp.write_text(wanted)


def make_all(names: list[str]) -> int:
    """Make the named environments, base first. Returns the exit code. Raises OpsError."""
    VENVS.mkdir(exist_ok=True)
    free = shutil.disk_usage(VENVS).free
    if "base" in names and not (VENVS / "base.stamp").is_file() and free < NEEDED_BYTES:
        raise OpsError(
            f"{size(free)} are free on the disk, the environments need about {size(NEEDED_BYTES)}. Free some space"
        )
    for name in NAMES:
        if name in names:
            make(name)
    return 0


def main() -> int:
    """Make the environments that the command line names; a failure is one message and exit code 1."""
    names = sys.argv[1:] or list(NAMES)
    return run_command(
        lambda: make_all(names), "setting up the race", "interrupted; run the same command again to continue"
    )


if __name__ == "__main__":
    raise SystemExit(main())
