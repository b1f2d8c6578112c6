"""`.env` means the same to Python as to bash and Compose, and what means nothing is named."""

from __future__ import annotations

import codecs

import pytest

from ops.errors import OpsError
from ops.system import env_file, settings
from tests.support import env_lines


@pytest.fixture
def write(tmp_path):
    path = tmp_path / ".env"

    def write(content: str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_quotes_and_comments_mean_what_they_mean_to_bash(write, monkeypatch):
    monkeypatch.setenv("FROM", "elsewhere")
    text = "A=a b # c\nB='a # b'\nC=\"a # b\" # c\nexport D='${FROM}'\nE=\"${FROM}\"\nF=${FROM}/x\nG=it's\nH=\n"
    assert env_file.read(write(text)) == {
        "A": "a b",
        "B": "a # b",
        "C": "a # b",
        "D": "${FROM}",
        "E": "elsewhere",
        "F": "elsewhere/x",
        "G": "it's",
    }


@pytest.mark.parametrize("text", env_lines.VALUES)
def test_a_value_is_what_it_is_to_bash_and_compose(write, monkeypatch, text):
    monkeypatch.setenv("FROM", env_lines.FROM)
    assert env_file.read(write(text + "\n")).get("X", "") == env_lines.VALUES[text]


@pytest.mark.parametrize("text", env_lines.REFUSED)
def test_a_dollar_sign_that_compose_would_take_for_something_else_is_an_error_with_the_fix(write, monkeypatch, text):
    monkeypatch.setenv("FROM", env_lines.FROM)
    with pytest.raises(OpsError, match=r"\.env, line 2: X has a \$ .*\$\{NAME\}.*X='…'") as refused:
        env_file.read(write(f"A=1\n{text}\n"))
    assert "word" not in str(refused.value)


def test_lines_that_mean_nothing_are_named_once_without_their_value(write, capsys):
    path = write("# comment\n\nGATEWAY_PORT: 8011\nBIND=0.0.0.0\nJWT_SECRET geheim\nexport\nLOG_LEVEL='DEBUG\n")
    assert env_file.read(path) == {"BIND": "0.0.0.0"}
    said = capsys.readouterr().err
    for line, name in ((3, "GATEWAY_PORT"), (5, "JWT_SECRET"), (7, "LOG_LEVEL")):
        assert f"note: .env, line {line} means nothing: {name}" in said
    assert "Write GATEWAY_PORT=" in said
    assert "8011" not in said
    assert "geheim" not in said
    env_file.read(path)
    assert capsys.readouterr().err == ""


def test_a_misspelt_setting_is_named_and_the_name_of_something_else_is_not(write, capsys):
    env_file.read(write("GATEWAY_PROT=8011\nCOMPOSE_PROJECT_NAME=yolo\nHTTP_PROXY=http://p\nGATEWAY_PORT=8012\n"))
    assert capsys.readouterr().err == "note: .env, line 1: GATEWAY_PROT is not a setting; did you mean GATEWAY_PORT?\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("# Grüße\nBIND=0.0.0.0\n".encode("latin-1"), "ISO-8859-1"),
        (codecs.BOM_UTF16_LE + "BIND=0.0.0.0\n".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_another_encoding_is_an_error_with_the_fix(write, content, encoding):
    with pytest.raises(OpsError, match=rf"\.env is not UTF-8 \(line 1\).*iconv -f {encoding} -t UTF-8"):
        settings.load(write(content))


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_a_value(write):
    assert env_file.read(write(codecs.BOM_UTF8 + b"BIND=0.0.0.0\r\nLOG_LEVEL=DEBUG\r\n")) == {
        "BIND": "0.0.0.0",
        "LOG_LEVEL": "DEBUG",
    }
