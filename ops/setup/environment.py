"""Create or repair `.venv`. It runs before anything is installed, so it uses the standard library only.

    python3 -m ops.setup.environment [--int8] [--test]

A stamp file records what the environment was made from. A second run compares it and returns at once. An interrupted
run leaves no stamp, so the next run repeats it; pip skips what is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ops.errors import OpsError
from ops.paths import ROOT, RUN, VENV
from ops.setup import java
from ops.system.variables import ALLOW_CUDA, TORCH_INDEX
from ops.terminal.console import progress, say, say_to_stderr, size
from ops.terminal.exit import run_command

PYTHON = VENV / "bin" / "python"
ROOM = 4_000_000_000  # bytes: the environment takes 1.7 GB, and pip's downloads as much again during the installation
CONSTRAINTS = ROOT / "constraints.txt"
RUNTIME = [ROOT / name / "requirements.txt" for name in ("serving/torchserve", "api-gateway", "ops")]
NO_DEPS = ROOT / "ops" / "requirements-no-deps.txt"
JAVA = ROOT / "ops" / "requirements-java.txt"
INT8 = ROOT / "ops" / "requirements-int8.txt"
TEST = ROOT / "tests" / "requirements.txt"
# What the services import when they start. Only that is compiled to bytecode: all of torch takes three times as long.
# Python compiles the rest where it is imported.
SERVED = "cv2, fastapi, httpx, openvino, torch, ts.model_service_worker, uvicorn, yaml"


def fingerprint(files: list[Path]) -> str:
    """Return a digest of the requirements and the Python that an environment is made from.

    The Python is known by its installation: a shell, cron and SSH may find the same one under other names.
    """
    digest = hashlib.sha256(f"{platform.python_version()} {sys.base_prefix}".encode())
    for path in [CONSTRAINTS, *files]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pinned_requirement(name: str, path: Path) -> str:
    """Return the line `name==version` of a requirements file."""
    match = re.search(rf"^{re.escape(name)}==\S+", path.read_text(), re.MULTILINE)
    if match is None:
        raise OpsError(f"{path.relative_to(ROOT)} does not pin {name}")
    return match[0]


def pip(*arguments: str, title: str) -> None:
    """Run pip in the environment; log its output to `.run/setup.log`. Raises OpsError with the last lines."""
    RUN.mkdir(exist_ok=True)
    log = RUN / "setup.log"
    argv = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    now = ""
    lines: list[str] = []
    with log.open("a") as stream, progress(title, lambda: now):
        stream.write(f"$ {' '.join(argv)}\n")
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        for line in process.stdout:
            stream.write(line)
            lines.append(line.rstrip())
            if line.lstrip().startswith(("Collecting", "Downloading", "Installing", "Building")):
                now = line.strip()
        code = process.wait()
        if code != 0:
            raise OpsError(explain_failure([line for line in lines if not line.startswith("WARNING")], log))


def explain_failure(lines: list[str], log: Path) -> str:
    """Return a message for a failed pip run that says how to fix it."""
    text = "\n".join(lines)
    tail = "\n".join(f"    {line}" for line in lines[-4:])
    if re.search(r"No space left|Errno 28", text):
        reason = f"the disk is full. Free about {size(ROOM)} and run the same command again"
    elif re.search(
        r"NewConnectionError|Name or service|Temporary failure|ConnectTimeout|Could not find a version", text
    ):
        reason = "the Python package index cannot be reached, or lacks a package. Check network, proxy, PIP_INDEX_URL"
    else:
        reason = "pip failed"
    return f"{reason}\n{tail}\n  (whole log: {log})"


def is_reachable(url: str) -> bool:
    """Tell whether a package index answers within a few seconds."""
    try:
        with urllib.request.urlopen(url, timeout=4):  # noqa: S310 - a constant, or TORCH_INDEX
            return True
    except (OSError, urllib.error.URLError, ValueError):
        return False


def torch_index(python: Path, requirement: str, *arguments: str) -> str | None:
    """Return the index to install torch from; None for the one that pip is configured with.

    `python` is the environment's; `arguments` are passed to pip. Raises OpsError if only a CUDA build is available:
    gigabytes that a CPU service does not need.
    """
    if sys.platform != "linux":
        return None
    index = os.environ.get(TORCH_INDEX.name) or TORCH_INDEX.default
    if is_reachable(index + "/"):
        return index
    argv = [
        *(str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"),
        *("--disable-pip-version-check", "--no-input", requirement, *arguments),
    ]
    with progress("looking for a CPU build of torch"):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        names = {item["metadata"]["name"] for item in json.loads(done.stdout)["install"]}
    except (ValueError, KeyError):
        raise OpsError(explain_failure(done.stderr.splitlines(), RUN / "setup.log")) from None
    if any(name.startswith(("nvidia", "cuda")) for name in names) and os.environ.get(ALLOW_CUDA.name) != "1":
        raise OpsError(
            f"{index} cannot be reached, and the package index in use offers only torch's CUDA build, gigabytes that a "
            "CPU service does not need. Let the machine reach that index, set TORCH_INDEX to a mirror of it, or accept "
            "the CUDA build: ALLOW_CUDA=1"
        )
    return None


def install_torch() -> None:
    """Install the CPU build of torch. Raises OpsError if only a CUDA build is available."""
    requirement = pinned_requirement("torch", RUNTIME[0])
    constraints = ("-c", str(CONSTRAINTS))
    if index := torch_index(PYTHON, requirement, *constraints):
        how, title = ["--index-url", index], f"installing {requirement} (CPU build)"
    else:
        how, title = list(constraints), f"installing {requirement}"
    pip("install", "--no-compile", requirement, *how, title=title)


def compile_imports() -> None:
    """Compile to bytecode what the services import. What fails to import fails again, and says so, when they start."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with progress("compiling what the services import"):
        subprocess.run([str(PYTHON), "-c", f"import {SERVED}"], env=environment, capture_output=True, check=False)


def require_usable_folder(folder: Path = ROOT) -> None:
    """Raise OpsError when the folder's path has characters that Python, supervisord or Java take for something else."""
    text = str(folder)
    # A colon separates folders in PATH and in Java's class path; supervisord takes " #" and " ;" for comments.
    bad = [mark for mark in (":", " #", " ;", '"', "\\", "\n") if mark in text]
    if not text.isprintable() or bad:
        named = ", ".join(repr(mark) for mark in bad) or "characters that cannot be printed"
        raise OpsError(
            f"the path of this folder has {named} in it, with which the service cannot run natively: {text!a}. Move or "
            "rename the folder (mv), then run the same command again. Nothing was changed"
        )


def create() -> None:
    """Create the virtual environment unless there is a working one. Raises OpsError."""
    try:
        if subprocess.run([str(PYTHON), "-c", "import pip"], capture_output=True, check=False).returncode == 0:
            return
    except OSError:
        pass  # there is no environment, or its Python was removed
    if importlib.util.find_spec("ensurepip") is None:
        raise OpsError("this Python has no venv module. Debian and Ubuntu: apt-get install python3-venv")
    free = shutil.disk_usage(ROOT).free
    if free < ROOM:
        raise OpsError(
            f"{size(free)} free on the disk of {ROOT}, the installation needs about {size(ROOM)}. Free some space"
        )
    with progress(f"creating {VENV.name}"):
        shutil.rmtree(VENV, ignore_errors=True)
        done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"cannot create {VENV}: {(done.stderr or done.stdout).strip()[-500:]}")


def install(files: list[Path], name: str) -> bool:
    """Install a group of requirements unless its stamp is up to date. Returns whether anything was installed."""
    with_java = [*files, JAVA] if name == "runtime" else files
    if name == "runtime" and java.find_on_machine() is None:
        files = with_java
    stamp = VENV / f"{name}.stamp"
    wanted = fingerprint([*files, NO_DEPS])
    # One with a Java of its own will do where the machine has one too.
    will_do = {wanted, fingerprint([*with_java, NO_DEPS])}
    if stamp.is_file() and stamp.read_text() in will_do and PYTHON.exists():
        return False
    create()
    stamp.unlink(missing_ok=True)
    if name == "runtime":
        install_torch()
    arguments = [argument for path in files for argument in ("-r", str(path))]
    title = {
        "runtime": "installing the pinned requirements",
        "int8": "installing what int8 needs",
        "test": "installing what the tests need",
    }[name]
    # NNCF declares more dependencies than it needs here: the requirements file names each package.
    how = "--no-deps" if name == "int8" else "--no-warn-conflicts"
    pip("install", "--no-compile", how, *arguments, "-c", str(CONSTRAINTS), title=title)
    if name == "runtime":
        pip(
            "install",
            "--no-compile",
            "--no-deps",
            "-r",
            str(NO_DEPS),
            title="installing ultralytics, without what serving does not need",
        )
        # Without this package OpenVINO uses a stub. With it the model converter would send usage data.
        pip("uninstall", "--yes", "openvino-telemetry", title="removing OpenVINO's telemetry")
        compile_imports()
    stamp.write_text(wanted)
    return True


def main() -> int:
    """Create or repair the environment. A failure is one message and exit code 1."""
    parser = argparse.ArgumentParser(prog="ops.setup.environment", description="Create or repair .venv")
    parser.add_argument("--int8", action="store_true", help="also install what int8 quantisation needs")
    parser.add_argument("--test", action="store_true", help="also install what the tests need, int8 included")
    arguments = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python runs this, to get the message
        say_to_stderr(
            f"error: Python 3.11 or newer is needed, this is {platform.python_version()}; set PYTHON to another"
        )
        return 1

    def work() -> int:
        require_usable_folder()
        done = [install(RUNTIME, "runtime")]
        if arguments.int8 or arguments.test:
            done.append(install([INT8], "int8"))
        if arguments.test:
            done.append(install([TEST], "test"))
        if not any(done):
            say("  Python environment: already there")
        return 0

    return run_command(work, "setting up", "interrupted; run the same command again to go on")


if __name__ == "__main__":
    raise SystemExit(main())
