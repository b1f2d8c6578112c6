"""The common modules use the standard library and each other, so that an archive and an image can carry them alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import crowded, foreign
from tests.support.tree import ROOT

COMMON = ROOT / "common"


def test_nothing_of_the_project_and_no_library_is_imported() -> None:
    assert foreign(COMMON) == []


@pytest.mark.parametrize("line", ["from gateway import errors", "import yolo.errors", "from PIL import Image"])
def test_a_wrong_import_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds/png.py").write_text(f"import struct\n\nfrom kinds.facts import Facts\n{line}\n")
    (tmp_path / "kinds/facts.py").write_text("from dataclasses import dataclass\n")
    (found,) = foreign(tmp_path)
    assert found.startswith("kinds/png.py:4: ")


def test_what_an_archive_carries_imports_nothing_beside_it() -> None:
    """The folder of the formats is packaged without its neighbours."""
    assert foreign(COMMON / "image_formats", "image_formats") == []


def test_no_folder_is_crowded() -> None:
    assert crowded(COMMON) == []
