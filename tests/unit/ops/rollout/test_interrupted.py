import subprocess
import sys

from tests.support import ROOT


def test_an_interruption_never_damages_what_is_live():
    """In a process of their own: OpenVINO, which other tests use here, may leave this one unable to take signals."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/ops/rollout/interruptions.py"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
