"""Each setting is declared once; what people and Compose read of it is generated from there."""

from __future__ import annotations

import dataclasses
import shutil
from urllib.parse import urlsplit

import pytest

from deploy.settings.__main__ import WRITE, generated, problems, write
from deploy.settings.declared import DECLARED, SECTIONS, Section, contradictions, documented
from gateway.settings import Settings
from ops.system.variables import Variable
from tests.support import ROOT


@pytest.fixture
def copy(tmp_path):
    """A copy of the generated files, to be changed."""
    for path in generated():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def test_the_generated_files_are_up_to_date():
    assert not (found := problems()), found


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (".env.example", "MAX_CLIENTS=1024\n", ""),
        ("docs/settings.md", "Maximum number of client connections.", "Connections."),
        ("docker-compose.yml", "      MAX_CLIENTS: ${MAX_CLIENTS:-1024}\n", ""),
        ("docker-compose.yml", "      JAVA_OPTS: ${JAVA_OPTS:-}\n", "      RETIRED: ${RETIRED:-}\n"),
        ("docker-compose.yml", "${GATEWAY_MEMORY:-1g}", "${GATEWAY_MEMORY:-2g}"),
        ("docker-compose.gpu.yml", "${ENGINE:-auto}", "${ENGINE:-torch}"),
        ("deploy/compose/green.yml", "${BATCH_SIZE:-1}", "${BATCH_SIZE:-2}"),
        ("deploy/compose/edge.yml", "${MAX_BODY_BYTES:-20971520}", "${MAX_BODY_BYTES:-1}"),
        ("deploy/edge/Caddyfile", "{$MAX_BATCH_BYTES:67108864}", "{$MAX_BATCH_BYTES:1}"),
        ("serving/torchserve/Dockerfile", "ARG BASE_IMAGE=debian:bookworm-slim", "ARG BASE_IMAGE=debian:latest"),
    ],
)
def test_a_missing_or_outdated_line_is_named_with_the_command_that_writes_it(copy, name, right, wrong):
    text = (copy / name).read_text()
    assert right in text
    (copy / name).write_text(text.replace(right, wrong))
    found = problems(copy)
    assert f"--- {name}\n" in found
    assert any(line.startswith("+") and right.strip() in line for line in found.splitlines())
    assert WRITE in found
    write(copy)
    assert (copy / name).read_text() == text
    assert problems(copy) == ""


def test_what_is_written_by_hand_in_compose_stays(copy):
    path = copy / "docker-compose.yml"
    text = path.read_text()
    (entry,) = (line for line in text.splitlines() if "CORS_ORIGINS:" in line)
    by_hand = text.replace(f"{entry}\n", "").replace(
        'GATEWAY_PORT: "8000"', 'GATEWAY_PORT: "8000"\n      CORS_ORIGINS: "*"'
    )
    path.write_text(by_hand)
    write(copy)
    assert path.read_text() == by_hand


def test_declarations_agree_and_are_explained_once():
    assert list(contradictions()) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"default": "1024"}, "MAX_BODY_BYTES has two defaults: '1024' and '20971520'"),
        ({"bounds": "1 to 2"}, "MAX_BODY_BYTES has two bounds: '1 to 2' and '1024 to 1073741824'"),
        ({"name": "UNHEARD_OF"}, "UNHEARD_OF is in no section of deploy/settings/declared.py"),
    ],
)
def test_a_declaration_that_differs_from_that_of_another_process_is_reported(changed, says):
    other = dataclasses.replace(documented()["MAX_BODY_BYTES"], **changed)
    assert list(contradictions([*DECLARED, other])) == [says]


def test_a_setting_without_help_or_in_two_sections_is_reported():
    sections = [*SECTIONS, Section("More", [documented()["AUTH"], Variable("UNHEARD_OF", "1", "")])]
    assert list(contradictions(sections=sections)) == ["UNHEARD_OF has no help text", "AUTH is in two sections"]


def test_the_gateway_finds_the_model_server_on_its_default_ports():
    defaults = {name: str(field.default) for name, field in Settings.model_fields.items()}
    for kind in ("inference", "management"):
        port = urlsplit(defaults[f"torchserve_{kind}_url"]).port
        assert str(port) == documented()[f"{kind.upper()}_PORT"].default
