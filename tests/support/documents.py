"""The documentation as text: README.md and docs/*.md, with their tables, code blocks, commands and links."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.tree import ROOT

_CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"[a-z][\w./-]*(?:/|\.(?:py|sh|yml))")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def pages(root: Path = ROOT) -> list[Path]:
    """Return README.md and the pages of docs/, in the order of their names."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def text(root: Path = ROOT) -> str:
    """Return the text of all pages."""
    return "\n\n".join(page.read_text() for page in pages(root))


def table_rows(header: str, root: Path = ROOT) -> list[list[str]]:
    """Return the rows, as lists of cells, of every table whose first line starts with `header`.

    The header and the rule below it are left out. Fails when no page has such a table.
    """
    found = [block for block in text(root).split("\n\n") if block.lstrip("\n").startswith(header)]
    assert found, f"no table of the documentation starts with {header}"
    lines = [line for block in found for line in block.strip("\n").splitlines()[2:]]
    return [[cell.strip() for cell in _CELL_BORDER.split(line)[1:-1]] for line in lines]


def code_blocks(language: str, root: Path = ROOT) -> list[str]:
    """Return the contents of every fenced block of `language`; an empty string means blocks that name none."""
    return [body for name, body in _CODE_BLOCK.findall(text(root)) if name == language]


def commands(program: str, root: Path = ROOT) -> list[str]:
    """Return every line of a bash block that starts with `program`, without a trailing comment."""
    lines = [line for block in code_blocks("bash", root) for line in block.splitlines()]
    return [re.sub(r"\s+# .*$", "", line) for line in lines if line.startswith(f"{program} ")]


def links(page: Path) -> list[str]:
    """Return the targets of a page's links, those in code left out."""
    prose = re.sub(r"`[^`\n]*`", "", _CODE_BLOCK.sub("", page.read_text()))
    return _LINK.findall(prose)


def anchors(page: Path) -> set[str]:
    """Return the fragments that GitHub gives a page's headings."""
    headings = _HEADING.findall(_CODE_BLOCK.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths(page: Path) -> list[str]:
    """Return the paths of this repository that a page names, in backticks or at the start of a drawing's lines."""
    body = page.read_text()
    prose = _CODE_BLOCK.sub("", body)
    drawings = "\n".join(block for language, block in _CODE_BLOCK.findall(body) if language == "")
    candidates = re.findall(r"`([^`\s]+)`", prose) + re.findall(r"^\s*(\S+)(?:  |$)", drawings, re.MULTILINE)
    return [candidate for candidate in candidates if _PATH.fullmatch(candidate)]
