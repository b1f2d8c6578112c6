"""What the numbers were measured on and with: no host name, no path, no address."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.paths import OWN_PYTHON, ROOT, python_of

PACKAGES = {
    "base": ("torch", "ultralytics-opencv-headless", "openvino", "opencv-python-headless", "numpy"),
    "fastapi_yolo": ("fastapi", "uvicorn"),
    "litserve_yolo": ("litserve",),
    "bentoml_yolo": ("bentoml",),
    "torchserve_plain": ("torchserve",),
    "stack": ("torchserve", "openvino", "opencv-python-headless", "fastapi", "uvicorn", "httptools", "httpx", "numpy"),
}
NOTABLE = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")


def describe(cpus: list[int]) -> dict[str, object]:
    """Return the machine: processor, the CPUs used of how many, memory, system."""
    text = ""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = set((re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE) or ["", ""])[1].split())
    family = re.search(r"^cpu family\s*:\s*(.+)$", text, re.MULTILINE)
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "family": family[1] if family else None,
        "instructions": [flag for flag in NOTABLE if flag in flags],
        "cpus_used": len(cpus),
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, dict[str, str]]:
    """Return the versions that matter, per environment."""
    code = (
        "import sys, json, importlib.metadata as m\n"
        "def v(n):\n"
        "  try: return m.version(n)\n"
        "  except m.PackageNotFoundError: return None\n"
        "print(json.dumps({n: v(n) for n in sys.argv[1:]}))"
    )
    found = {}
    for name, packages in PACKAGES.items():
        python = OWN_PYTHON if name == "stack" else python_of(name)
        if python.exists():
            done = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=False)
            with suppress(ValueError):
                found[name] = {key: value for key, value in json.loads(done.stdout).items() if value}
    return found


def commit() -> str | None:
    """Return the short id of the commit checked out, with `+` when files differ from it; None outside a repository."""
    with suppress(OSError, subprocess.CalledProcessError):
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
    return None


def busy_s(cpus: list[int]) -> float:
    """Return how many CPU-seconds these CPUs have been busy since they started, whoever used them."""
    times = psutil.cpu_times(percpu=True)
    return sum(
        sum(times[cpu]) - times[cpu].idle - getattr(times[cpu], "iowait", 0.0) for cpu in cpus if cpu < len(times)
    )
