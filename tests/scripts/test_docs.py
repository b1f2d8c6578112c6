"""README.md and docs/ are held against the project: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from tests.support import ROOT, documents
from tests.support.hostile import promises

SCRIPT = re.compile(r"scripts/([a-z_0-9]+\.sh)")


def settings_of_the_example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z0-9_]+=", line))


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", f"scripts/{name}", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def scripts_named() -> list[str]:
    return sorted(set(SCRIPT.findall(documents.text())))


def test_the_documentation_lists_every_setting_once_with_its_default():
    documented = [(name.strip("`"), default.strip("`")) for name, default, *_ in documents.table_rows("| variable |")]
    assert len(documented) == len(dict(documented)), "a variable is documented twice"
    assert dict(documented) == settings_of_the_example()


def test_every_documented_script_exists_and_every_script_for_people_is_documented():
    paths = list((ROOT / "scripts").glob("*.sh"))
    sourced = {
        name for path in paths for name in re.findall(r"^source .*?([a-z_0-9]+\.sh)\"?$", path.read_text(), re.M)
    }
    assert set(scripts_named()) == {path.name for path in paths} - sourced


@pytest.mark.parametrize("name", sorted(set(scripts_named()) - {"test.sh"}))
def test_a_documented_script_explains_its_usage_and_refuses_unknown_arguments(name):
    answer = run_script(name, "--help")
    assert (answer.returncode, answer.stdout[:6].lower()) == (0, "usage:")
    refused = run_script(name, "--dance")
    assert refused.returncode == 2
    assert re.search("(unknown|unrecognized) arguments?: --dance|arguments are required: ", refused.stderr)


def test_every_documented_option_of_a_script_is_in_its_usage():
    options: dict[str, set[str]] = {}
    for block in documents.code_blocks("bash"):
        for line in block.splitlines():
            for name, arguments in re.findall(r"bash scripts/([a-z_0-9]+\.sh)([^#)|;&]*)", line):
                options.setdefault(name, set()).update(re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", arguments))
    assert sum(map(len, options.values())) > 15
    for name, used in options.items():
        usage = run_script(name, "--help").stdout
        # A command of several actions may explain each of them on its own page.
        missing = {option for option in used if not re.search(rf"{option}\b", usage)}
        assert not missing, f"{name} has no {missing}"


def texts_of_the_operations() -> list[re.Pattern[str]]:
    """Return a pattern for every string of ops/ that has words, with anything in the place of what it inserts."""
    patterns = set()
    for path in (ROOT / "ops").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            words = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            if any(isinstance(word, str) and re.search("[a-z]{4}", word) for word in words):
                patterns.add("".join(re.escape(word) if isinstance(word, str) else ".+" for word in words))
    return [re.compile(pattern) for pattern in patterns]


def test_every_step_of_a_documented_release_is_one_that_the_operations_print():
    blocks = [
        *documents.code_blocks(""),
        *re.findall(r"^```\n(.*?)^```$", (ROOT / "RAPPORT.md").read_text(), re.M | re.S),
    ]
    tables = [block for block in blocks if re.search(r"^  step +took$", block, re.M)]
    titles = {title for table in tables for title in re.findall(r"^  (\S.*?) {2,}\d+\.\d s", table, re.M)}
    assert len(titles) > 15
    printed = texts_of_the_operations()
    assert {title for title in titles if not any(pattern.fullmatch(title) for pattern in printed)} == set()


def test_every_bash_block_is_valid_bash():
    for block in documents.code_blocks("bash"):
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{block}\n{checked.stderr}"


def test_no_documented_error_code_is_invented():
    source = "".join(path.read_text() for path in (ROOT / "api-gateway/gateway").rglob("*.py"))
    codes = [name for row in documents.table_rows("| status |") for name in re.findall(r"`([a-z_]+)`", row[1])]
    assert len(codes) > 20
    assert [name for name in codes if f'"{name}"' not in source] == []


@pytest.mark.parametrize("page", documents.pages(), ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for target in documents.links(page):
        if target.startswith(("https://", "http://")):
            continue
        name, _, fragment = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not fragment or fragment in documents.anchors(linked), target


@pytest.mark.parametrize("page", documents.pages(), ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page):
    # Where the text makes the folder clear, a page may leave it out.
    folders = ("", "api-gateway/gateway", "common", "ops", "scripts", "serving/torchserve", "serving/torchserve/yolo")
    missing = {path for path in documents.paths(page) if not any((ROOT / folder / path).exists() for folder in folders)}
    assert missing == set()


def test_the_readme_links_to_every_page():
    readme, *others = documents.pages()
    assert {f"docs/{page.name}" for page in others} <= {target.partition("#")[0] for target in documents.links(readme)}


def test_the_promised_costs_are_those_that_the_tests_hold():
    promised = " ".join(row[1] for row in documents.table_rows("| cost |"))
    for figure in (
        f"{promises.LIVE_S * 1000:.0f} ms for `GET /health/live`",
        f"{promises.HEADER_S * 1000:.0f} ms of CPU time",
        f"{promises.DECODE_S:.0f} s, plus {promises.DECODE_S_PER_MEGAPIXEL} s per megapixel",
        f"plus {promises.DECODE_S_PER_MEGABYTE} s per megabyte",
        f"{promises.BODY_S} s, plus {promises.BODY_S_PER_BYTE * 1e9:.0f} ms per megabyte",
        f"{promises.BODY_COPIES} times its size, plus {promises.BODY_CONSTANT >> 20} MiB",
        f"{promises.COPIES} times the file, plus {promises.CONSTANT / 1e6:.0f} MB",
        f"`DRAW_MEMORY_BYTES` ({promises.DRAW_BYTES / 1e6:.0f} MB)",
        f"`MAX_DECODE_BYTES` ({promises.DECODE_BYTES / 1e6:.0f} MB)",
        f"at most {(promises.GROWTH - 1) * 100:.0f} % more",
    ):
        assert figure in promised, figure
