"""Terraform, run on a copy of a module of deploy/terraform, with the variables of a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.tree import ROOT

MODULES = ROOT / "deploy" / "terraform"


def find_terraform() -> str:
    """Return the program. Skips the test where it is missing: no package index and no Debian release has it."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    return found


class Terraform:
    """A copy of a module, initialised: Terraform writes next to the files that it reads."""

    def __init__(self, module: str, folder: Path) -> None:
        self.program = find_terraform()
        # The other modules too: one may use another.
        shutil.copytree(MODULES, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        self.folder = folder / module
        self.must("init", "-input=false")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it; output of both streams in `stdout`."""
        # Not the settings of the person who runs the tests: variables, log level, a mirror of providers.
        env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        return subprocess.run(
            [self.program, *arguments, *([] if arguments[0] == "output" else ["-no-color"])],
            cwd=self.folder,
            env={**env, "CHECKPOINT_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        """Run what must succeed; return what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def set(self, **variables: Any) -> None:
        """Write the variables of the next commands."""
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(variables))

    def apply(self) -> str:
        return self.must("apply", "-auto-approve", "-input=false")

    def changes(self) -> bool:
        """Tell whether an apply would change anything."""
        done = self.run("plan", "-detailed-exitcode", "-input=false")
        assert done.returncode in (0, 2), done.stdout
        return done.returncode == 2

    def outputs(self) -> dict[str, Any]:
        found = json.loads(self.must("output", "-json"))
        return {name: one["value"] for name, one in found.items()}
