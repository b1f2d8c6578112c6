"""The settings for people: `.env.example` and `docs/settings.md`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from deploy.settings.declared import READERS, Section
from ops.system.variables import Variable

WIDTH = 120
ENV_HEAD = """\
# Every setting with its default. An empty value means the default too. Copy this file to .env and change what you need.
# Compose and the scripts read .env; variables in the caller's environment take precedence. Brackets hold the accepted
# values.
# Written by scripts/settings.sh from the declarations in the code, like docs/settings.md.
"""
DOCS_HEAD = """\
<!-- Written by scripts/settings.sh from the declarations in the code. -->

# Settings

Settings come from the environment or from `.env` (copy `.env.example`). The environment takes precedence over `.env`,
and an empty value means the default. A line of `.env` is `NAME=value`, in UTF-8; quotes around a value and a comment
after ` #` are no part of it. `${NAME}` and `${NAME:-default}` are replaced by the value of a variable, of the
environment or of a line above, but not within single quotes; another `$` outside single quotes is an error. `up.sh`
names the lines that set nothing. The defaults are safe: everything listens on loopback, and TorchServe's management
port does so whatever `BIND` says. A process that finds a wrong value does not start and says what it accepts.

[Development](development.md#add-a-setting) says how to add a setting.
"""


def env_example(sections: Sequence[Section]) -> str:
    """Return the text of `.env.example`: each setting with its help as a comment."""
    return ENV_HEAD + "".join(
        f"\n# --- {section.title} ---\n{_intro(section)}\n{''.join(map(_env_lines, section.variables))}"
        for section in sections
    )


def _intro(section: Section) -> str:
    return _comment(section.intro) if section.intro else ""


def _env_lines(variable: Variable) -> str:
    accepted = f" [{variable.bounds}]" if variable.bounds else ""
    return f"{_comment(variable.help + accepted)}{variable.name}={variable.default}\n"


def _comment(markdown: str) -> str:
    plain = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (docs/\2)", markdown).replace("`", "")
    lines = textwrap.wrap(plain, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def settings_page(sections: Sequence[Section]) -> str:
    """Return the text of `docs/settings.md`: a table for each section."""
    return DOCS_HEAD + "".join(
        f"\n## {section.title}\n\n{_paragraph(section.intro)}"
        "| variable | default | accepted | read by | description |\n|---|---|---|---|---|\n"
        + "".join(map(_row, section.variables))
        for section in sections
    )


def _paragraph(markdown: str) -> str:
    return "\n".join(textwrap.wrap(markdown, WIDTH, break_long_words=False, break_on_hyphens=False)) + "\n\n" * bool(
        markdown
    )


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else ""
    cells = (f"`{variable.name}`", default, variable.bounds, ", ".join(_readers(variable.name)), variable.help)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _readers(name: str) -> Iterator[str]:
    return (reader for reader, names in READERS.items() if name in names)
