"""Values are set in `.env`; everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.system import env_file, env_update


def test_a_value_is_set_where_it_was_or_at_the_end_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# IMAGE_TAG=old\nexport IMAGE_TAG=1.3 # mine\nA='b\\1'\nIMAGE_TAG_OTHER=x")
    path.chmod(0o600)
    env_update.update(path, {"IMAGE_TAG": r"1.4\1", "IMAGE_POLICY": "never"})
    wanted = "# IMAGE_TAG=old\nIMAGE_TAG=1.4\\1\nA='b\\1'\nIMAGE_TAG_OTHER=x\nIMAGE_POLICY=never\n"
    assert path.read_text() == wanted
    assert path.stat().st_mode & 0o777 == 0o600
    env_update.update(path, {"IMAGE_TAG": "1.3"})
    assert env_file.read(path)["IMAGE_TAG"] == "1.3"


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    env_update.update(tmp_path / ".env", {"IMAGE_TAG": "1.4"})
    assert env_file.read(tmp_path / ".env") == {"IMAGE_TAG": "1.4"}


def test_a_file_that_is_not_text_stays_and_the_lines_to_set_are_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(OpsError, match=r"Set in it: IMAGE_TAG=1\.4"):
        env_update.update(tmp_path / ".env", {"IMAGE_TAG": "1.4"})
    assert (tmp_path / ".env").read_bytes() == b"\xff\xfe"
