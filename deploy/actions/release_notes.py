"""Print the section of CHANGELOG.md on a version: python3 -m deploy.actions.release_notes VERSION."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def section(changelog: str, version: str) -> str | None:
    """Return what stands below the heading ``## [VERSION]``, up to the next such heading; None without one."""
    heading = re.compile(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    found = heading.search(changelog)
    return found[1].strip() if found else None


def main(arguments: list[str]) -> int:
    """Print the section. A release without notes is refused with the fix."""
    if len(arguments) != 1:
        print("usage: python3 -m deploy.actions.release_notes VERSION", file=sys.stderr)
        return 2
    notes = section(CHANGELOG.read_text(encoding="utf-8"), arguments[0])
    if not notes:
        fix = f"rename its section Unreleased to [{arguments[0]}] in the commit that is tagged"
        print(f"error: CHANGELOG.md says nothing about {arguments[0]}: {fix}", file=sys.stderr)
        return 1
    print(notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
