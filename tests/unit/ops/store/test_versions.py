import pytest

from ops.errors import OpsError
from ops.store import versions


def test_the_first_version_is_1_0():
    assert versions.following([]) == "1.0"


def test_the_next_version_follows_the_highest_by_number_not_by_spelling():
    assert versions.following(["1.0", "1.9", "1.10", "1.2"]) == "1.11"


def test_names_that_are_not_counted_do_not_disturb_the_counting():
    assert versions.following(["2026-11-23", "candidate", "2.3"]) == "2.4"


@pytest.mark.parametrize("version", ["1.0", "2026-11-23", "v3_final"])
def test_a_plain_segment_is_a_version(version):
    assert versions.check(version) == version


@pytest.mark.parametrize("version", ["", "../1.0", "1..0", "a/b", "a b", "é", "x" * 65, "-1"])
def test_what_would_break_a_url_or_a_file_name_is_refused(version):
    with pytest.raises(OpsError, match="cannot be a version"):
        versions.check(version)
