"""Pictures that are built to be expensive: the model server's code, and the gateway's, keep what docs/security.md says.

The fuzzer runs for FUZZ_SECONDS from FUZZ_SEED on (docs/security.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT
from tests.support.hostile.fuzz import fuzz

SECONDS, SEED = float(os.environ.get("FUZZ_SECONDS", "20")), int(os.environ.get("FUZZ_SEED", "20261129"))
#: In a process of its own, whose memory and CPU time nothing else changes.
_CHECK = """
from tests.support.hostile import FORMATS, hostile
from tests.support.hostile.promises import broken_promises
for kind in FORMATS:
    for name, data in hostile(kind, 300_000):
        for broken in broken_promises(data, draw=False):
            print(name, broken, sep=": ")
"""


def test_each_keeps_the_promises() -> None:
    folders = (ROOT, ROOT / "api-gateway", ROOT / "common", ROOT / "serving/torchserve")
    environment = {"PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", _CHECK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_a_fuzzer_finds_no_broken_promise(tmp_path: Path) -> None:
    assert fuzz(SECONDS, SEED, tmp_path / "found") == []
