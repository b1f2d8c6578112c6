"""Write what is generated from the declared settings, or check that it is up to date.

Exit codes: 0 up to date or written, 1 out of date or contradictory, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.settings import compose
from deploy.settings.declared import SECTIONS, SERVICES, contradictions, documented
from deploy.settings.documents import env_example, settings_page
from ops.paths import ROOT

WRITE = "bash scripts/settings.sh --write"


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Return the text that each generated file should have."""
    defaults = {name: variable.default for name, variable in documented().items()}
    texts = {root / ".env.example": env_example(SECTIONS), root / "docs/settings.md": settings_page(SECTIONS)}
    for path in compose.files(root):
        texts[path] = compose.updated(path, path.read_text(), SERVICES, defaults)
    return texts


def differences(root: Path = ROOT) -> Iterator[str]:
    """Yield what generating would change, as lines of a unified diff."""
    for path, wanted in generated(root).items():
        present = path.read_text() if path.is_file() else ""
        name = str(path.relative_to(root))
        yield from difflib.unified_diff(
            present.splitlines(keepends=True), wanted.splitlines(keepends=True), name, f"{name} as generated", n=1
        )


def problems(root: Path = ROOT) -> str:
    """Return what is wrong and how to fix it; empty if nothing is."""
    if lines := "\n".join(contradictions()):
        return f"The declarations of settings contradict each other:\n{lines}\n"
    if lines := "".join(differences(root)):
        return f"{lines}These files are out of date. Update them with: {WRITE}\n"
    return ""


def write(root: Path = ROOT) -> None:
    """Write the files that are out of date, and print their names."""
    for path, text in generated(root).items():
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            print(f"written: {path.relative_to(root)}")


def main() -> int:
    """Check, or write and then check."""
    parser = argparse.ArgumentParser(
        prog="bash scripts/settings.sh",
        description="Generate .env.example, docs/settings.md and the settings in the Compose files from the code.",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="print what is out of date, and exit 1 (the default)")
    action.add_argument("--write", action="store_true", help="write what is out of date")
    if parser.parse_args().write:
        write()
    found = problems()
    sys.stderr.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
