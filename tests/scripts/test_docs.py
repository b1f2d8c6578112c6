"""The README held against the project: what it names exists, and what exists it names."""

from __future__ import annotations

import re
import subprocess

from tests.support import ROOT

README = (ROOT / "README.md").read_text()


def test_every_setting_stands_in_the_readme_with_its_default():
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"[A-Z_]+=", line)]
    for line in lines:
        name, default = line.split("=", 1)
        cell = f"`{default}`" if default else ""
        assert f"| `{name}` | {cell} |" in README, f"{name} is not in the README's table, or its default differs"


def test_every_variable_of_the_readme_is_a_setting():
    settings = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    table = README[README.index("| variable |") :].split("\n\n")[0]
    named = re.findall(r"^\| `([A-Z_]+)` \|", table, re.M)
    assert len(named) == len(set(named)), "a variable stands in the table twice"
    assert set(named) == settings


def test_every_script_of_the_readme_exists_and_every_script_a_person_runs_is_in_it():
    named = set(re.findall(r"scripts/([a-z_]+\.sh)", README))
    sourced = {
        name
        for path in (ROOT / "scripts").glob("*.sh")
        for name in re.findall(r"^source scripts/(\S+)", path.read_text(), re.M)
    }
    present = {path.name for path in (ROOT / "scripts").glob("*.sh")} - sourced
    assert named == present


def test_every_script_tells_how_it_is_used_and_refuses_what_it_does_not_know():
    for name in sorted(set(re.findall(r"scripts/([a-z_]+\.sh)", README)) - {"test.sh"}):
        help_ = subprocess.run(
            ["bash", f"scripts/{name}", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (help_.returncode, help_.stdout[:6].lower()) == (0, "usage:"), name
        bad = subprocess.run(
            ["bash", f"scripts/{name}", "--dance"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert bad.returncode == 2, name
        assert re.search("(unknown|unrecognized) arguments?: --dance", bad.stderr), name


def test_no_error_code_of_the_readme_is_invented():
    source = "".join(path.read_text() for path in (ROOT / "api-gateway/gateway").rglob("*.py"))
    for code in re.findall(r"^\| \d{3}[^|]*\|([^|]+)\|", README, re.M):
        for name in re.findall(r"`([a-z_]+)`", code):
            assert f'"{name}"' in source, name
