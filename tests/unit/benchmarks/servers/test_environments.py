import subprocess
import sys

import pytest

from benchmarks.servers import environments
from tests.support import ROOT


@pytest.mark.parametrize("name", environments.NAMES)
def test_every_environment_pins_all_that_it_installs(name):
    folder = environments.folder_of(name)
    constraints = (folder / "constraints.txt").read_text().splitlines()
    assert all("==" in line for line in constraints if line and not line.startswith("#"))
    for line in (folder / "requirements.txt").read_text().splitlines():
        assert "==" in line or not line.strip() or line.startswith("#")


def test_torch_for_the_rivals_comes_from_the_index_of_the_project(monkeypatch):
    asked, installed = [], []
    monkeypatch.setattr(environments.environment, "torch_index", lambda *given: asked.append(given) or "https://index")
    monkeypatch.setattr(environments, "pip_install", lambda *given, title: installed.append(given))
    environments.install_torch()
    assert asked[0][0] == environments.python_of("base")
    assert installed[0][-2:] == ("--index-url", "https://index")


def test_a_bare_python_can_make_the_environments():
    # -S: no site-packages. It runs before anything is installed.
    code = "import benchmarks.servers.environments"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
