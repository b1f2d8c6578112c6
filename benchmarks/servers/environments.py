"""Make or mend the rivals' environments: standard library only, run before anything of them exists.

    python3 -m benchmarks.servers.environments [NAME …]

`base` holds torch (its CPU build), ultralytics and OpenVINO once; each rival's environment holds its server and sees
`base` through a `.pth` file; `tools` is the race's own. A stamp remembers what an environment was made from: a second
run compares and returns at once, an interrupted one is repeated.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.paths import HERE, RIVALS, SHIM, VENVS, python_of
from ops.errors import OpsError
from ops.setup import environment
from ops.setup.environment import explain
from ops.terminal.console import size, step
from ops.terminal.exit import ending

RIVAL_NAMES = ("fastapi_yolo", "litserve_yolo", "bentoml_yolo", "torchserve_plain")
NAMES = ("tools", "base", *RIVAL_NAMES)
ROOM = 5_000_000_000  # 2 GB installed, the downloads as much again while pip works
LOG = VENVS / "setup.log"
FORMAT = "1"  # raise it when an environment must be made anew although its requirements are the same


def folder_of(name: str) -> Path:
    """Return where an environment's requirements.txt and constraints.txt lie."""
    return HERE if name == "tools" else RIVALS / name


def fingerprint(name: str) -> str:
    """Return a digest of what an environment is made from, the base that it sees included."""
    folders = [folder_of(name)] if name in ("tools", "base") else [folder_of("base"), folder_of(name)]
    digest = hashlib.sha256(f"{FORMAT} {platform.python_version()} {sys.executable}".encode())
    for folder in folders:
        for path in sorted(folder.glob("*.txt")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def run(argv: list[str], title: str) -> str:
    """Run a command, its output in the log; return its standard output. Raises OpsError with the lines that matter."""
    with step(title):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    with LOG.open("a") as stream:
        stream.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}\n")
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        raise OpsError(explain([line for line in lines if not line.startswith("WARNING")], LOG))
    return done.stdout


def pip(name: str, *arguments: str, title: str) -> str:
    """Run pip in an environment. Raises OpsError."""
    return run([str(python_of(name)), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments], title)


def pins(path: Path, *names: str) -> list[str]:
    """Return the `name==version` of each of the named packages in a requirements file."""
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line.split("==")[0] in names]


def install_torch() -> None:
    """Install torch into base, from where this project's own environment has it. Raises OpsError."""
    torch = pins(folder_of("base") / "requirements.txt", "torch")
    vision = pins(folder_of("base") / "requirements-no-deps.txt", "torchvision")
    if index := environment.torch_index(python_of("base"), *torch):
        pip("base", "install", *torch, *vision, "--index-url", index, title="base: installing torch (CPU build)")
    else:
        pip("base", "install", *torch, title="base: installing torch")


def site(name: str) -> Path:
    """Return an environment's site-packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(
        subprocess.run([python_of(name), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )


def torchvision_loads() -> bool:
    """Tell whether base's own torchvision can be imported; beside a CPU-only torch some builds of it cannot."""
    done = subprocess.run([python_of("base"), "-c", "import torchvision"], capture_output=True, check=False)
    return done.returncode == 0


def link_base(name: str) -> None:
    """Let a rival's environment see base, the stand-in for torchvision first where the real one does not load."""
    lines = [str(site("base"))] if torchvision_loads() else [str(SHIM), str(site("base"))]
    (site(name) / "bench.pth").write_text("\n".join(lines) + "\n")


def create(name: str) -> None:
    """Create an environment afresh. Raises OpsError."""
    target = VENVS / name
    shutil.rmtree(target, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(target)], f"{name}: creating its environment")


def make(name: str) -> bool:
    """Make an environment unless its stamp says that it is there. Returns whether it was made. Raises OpsError."""
    stamp = VENVS / f"{name}.stamp"
    wanted = fingerprint(name)
    if stamp.is_file() and stamp.read_text() == wanted and python_of(name).exists():
        return False
    stamp.unlink(missing_ok=True)
    create(name)
    folder = folder_of(name)
    locked = ("-r", str(folder / "requirements.txt"), "-c", str(folder / "constraints.txt"))
    if name == "base":
        install_torch()
        # The constraints are installed, not only respected: torch's index brings versions of its own.
        pip(
            name,
            "install",
            *locked,
            "-r",
            str(folder / "constraints.txt"),
            title="base: installing what ultralytics needs",
        )
        without = str(folder / "requirements-no-deps.txt")
        pip(name, "install", "--no-deps", "-r", without, title="base: installing ultralytics")
    else:
        if name in RIVAL_NAMES:
            link_base(name)
        pip(name, "install", *locked, title=f"{name}: installing")
    stamp.write_text(wanted)
    return True


def make_all(names: list[str]) -> None:
    """Make the named environments, base first. Raises OpsError."""
    VENVS.mkdir(exist_ok=True)
    missing = [name for name in NAMES if name in names and not (VENVS / f"{name}.stamp").is_file()]
    free = shutil.disk_usage(VENVS).free
    if "base" in missing and free < ROOM:
        raise OpsError(
            f"{size(free)} free on the disk, the rivals' environments need about {size(ROOM)}. Free some space"
        )
    for name in NAMES:
        if name in names:
            make(name)


def main() -> int:
    """Make what the command line names; every failure is one message and exit code 1."""
    names = sys.argv[1:] or list(NAMES)

    def work() -> int:
        make_all(names)
        return 0

    return ending(work, "setting up the race", "interrupted; run the same command again to go on")


if __name__ == "__main__":
    raise SystemExit(main())
