"""What int8 models need to know of the CPU."""

from __future__ import annotations

import os
from pathlib import Path

_CAP = "ONEDNN_MAX_CPU_ISA"


def quantised(model: Path) -> bool:
    """Tell whether an OpenVINO IR (.xml) was quantised."""
    try:
        return b'type="FakeQuantize"' in model.read_bytes()
    except OSError:  # compiling it will say what is wrong
        return False


def avoid_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Keep OpenVINO from Intel's AMX instructions in this process; return whether that was needed.

    With them, int8 models of dynamic shape crash on small inputs, and take the worker along
    (github.com/openvinotoolkit/openvino/issues/37577). Heard only before the process compiles its first model. A cap
    that somebody has set stays.
    """
    try:
        affected = "amx_int8" in cpuinfo.read_text()
    except OSError:  # no Linux, or no /proc
        return False
    if affected:
        os.environ.setdefault(_CAP, "AVX512_CORE_FP16")  # the level just below
    return affected
