"""Ultralytics is imported in silence, and leaves nothing in the folders of the user."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support import ROOT


def test_the_import_prints_nothing_and_writes_nothing(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YOLO_")}
    code = "from ops.validate.reference import ultralytics; ultralytics().utils.metrics.DetMetrics"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
