"""Int8 models: detect them, and avoid the CPU instructions that crash them."""

from __future__ import annotations

import os
from pathlib import Path

_CAP = "ONEDNN_MAX_CPU_ISA"


def is_quantised(model: Path) -> bool:
    """Return whether an OpenVINO IR (.xml) is quantised."""
    try:
        return b'type="FakeQuantize"' in model.read_bytes()
    except OSError:  # compiling it reports the error
        return False


def avoid_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Disable Intel's AMX instructions for OpenVINO in this process; return whether the CPU has them.

    With them, int8 models of dynamic shape crash the worker on small inputs
    (github.com/openvinotoolkit/openvino/issues/37577). Takes effect only before the process compiles its first model.
    An existing setting is kept.
    """
    try:
        affected = "amx_int8" in cpuinfo.read_text()
    except OSError:  # not Linux, or without /proc
        return False
    if affected:
        os.environ.setdefault(_CAP, "AVX512_CORE_FP16")  # the next lower level
    return affected
