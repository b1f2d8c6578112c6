"""The machine and the versions that were measured, without host name, paths or addresses."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

import psutil

from benchmarks.paths import OWN_VENV, ROOT, VENVS, site_packages

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
    """Return the machine: processor, the CPUs used out of how many, memory, system."""
    text = ""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
    info = dict(re.findall(r"^(model name|flags|cpu family)\s*:\s*(.+)$", text, re.MULTILINE))
    flags = set(info.get("flags", "").split())
    return {
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "family": info.get("cpu family"),
        "instructions": [flag for flag in NOTABLE if flag in flags],
        "cpus_used": len(cpus),
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, dict[str, str]]:
    """Return the versions of the packages that matter, per environment."""
    found = {}
    for name, packages in PACKAGES.items():
        environment = OWN_VENV if name == "stack" else VENVS / name
        if environment.is_dir():
            installed = {
                one.name.lower().replace("_", "-"): one.version
                for one in distributions(path=[str(site_packages(environment))])
            }
            found[name] = {package: installed[package] for package in packages if package in installed}
    return found


def commit() -> str | None:
    """Return the short id of the checked-out commit, with `+` when files differ from it; None outside a repository."""
    with suppress(OSError, subprocess.CalledProcessError):
        argv = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return None
