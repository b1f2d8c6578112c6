import stat

import pytest

from ops.errors import OpsError
from ops.system.files import atomic, read_json, write_json


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_block_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(IsADirectoryError), atomic(path) as partial:
        partial.write_bytes(tmp_path.read_bytes())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_readable_by_nobody_else_at_any_moment(tmp_path):
    with atomic(tmp_path / "secret", 0o600, durable=False) as partial:
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_json_file_that_cannot_be_written_is_an_error_for_the_operator(tmp_path):
    with pytest.raises(OpsError, match=r"while writing a\.json"):
        write_json(tmp_path / "missing" / "a.json", {})


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_json_file_without_an_object_reads_as_missing(tmp_path, text):
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    assert read_json(tmp_path / "a.json") is None
