"""What is read from a machine's configuration, without an engine."""

from __future__ import annotations

import pytest

from tests.compose import host


@pytest.fixture
def apt(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_a_deb822_source_is_read(apt):
    (apt / "sources.list.d/debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://mirror.test/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\n"
    )
    (source,) = host.apt_sources(apt)
    assert source.suites == ("bookworm", "bookworm-updates")
    assert source.line("trixie") == "deb http://mirror.test/debian trixie main"


def test_a_one_line_source_is_read_with_its_keyring(apt):
    keyring = apt / "key.gpg"
    keyring.touch()
    (apt / "sources.list").write_text(
        f"# old\n#deb http://off.test/debian bookworm main\n"
        f"deb [arch=amd64 signed-by={keyring}] http://mirror.test/debian bookworm main contrib # ours\n"
    )
    (source,) = host.apt_sources(apt)
    assert source.components == ("main", "contrib")
    assert source.line("trixie") == f"deb [signed-by={keyring}] http://mirror.test/debian trixie main contrib"


def test_pips_environment_wins_over_its_files_and_taste_stays_on_the_host():
    found = host.pip_settings(
        ":env:.index-url='https://env.test/simple'\nglobal.index-url='https://file.test/simple'\nglobal.quiet='1'\n"
    )
    assert found.options == {"index-url": "https://env.test/simple"}


def test_a_local_folder_of_wheels_is_kept_and_a_local_index_left_out(tmp_path):
    listing = (
        f"global.find-links='{tmp_path}\\nhttps://links.test/ /nowhere'\n"
        f"global.extra-index-url='file://{tmp_path}/simple https://more.test/simple'\n"
    )
    found = host.pip_settings(listing)
    assert found.folders == (tmp_path,)
    assert found.options == {
        "find-links": f"{tmp_path} https://links.test/",
        "extra-index-url": "https://more.test/simple",
    }


def test_the_bundle_that_pip_trusts_is_found(tmp_path):
    assert host.pip_settings(f"global.cert='{tmp_path}/ca.pem'\n").certificate == tmp_path / "ca.pem"


def test_a_machine_with_plain_pip_needs_nothing(monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    assert host.pip_settings("") == host.PipSettings()
