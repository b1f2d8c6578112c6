"""models.toml: what is accepted, and that every error names the table, the key, the bounds and the fix."""

from __future__ import annotations

import dataclasses

import pytest

import model_settings
from gateway.settings.limits import parse_rates
from model_settings import ModelSettings, ModelSettingsError
from server_settings import ServerSettings
from tests.support.tree import ROOT
from yolo import parameters
from yolo.errors import InvalidParameter
from yolo.metadata import Metadata
from yolo.settings import Settings

MODEL = Metadata("1", "detect", {0: "a"}, (640, 640), 32, 3, False, "yolo")


def test_every_key_is_optional_and_so_is_the_file(tmp_path):
    assert model_settings.read(tmp_path / "models.toml") == {}
    assert model_settings.parse("") == {}
    assert model_settings.parse("[helmets]") == {"helmets": ModelSettings()}
    text = """\
\ufeff[helmets]
conf = 0
iou = 0.5
max_det = 10
imgsz = 320
workers = 2
batch = 4
precision = "Auto"
idle_unload_s = 600
rate_limit = "10/second; 600/hour"
[yolo]
conf = 0.4
"""
    (tmp_path / "models.toml").write_text(text, newline="\r\n")
    assert model_settings.read(tmp_path / "models.toml") == {
        "helmets": ModelSettings(0.0, 0.5, 10, 320, 2, 4, "auto", 600, "10/second; 600/hour"),
        "yolo": ModelSettings(conf=0.4),
    }


def test_the_sample_is_valid_and_shows_every_key():
    text = (ROOT / "models/models.toml.example").read_text()
    used = "\n".join(line.removeprefix("# ") if "=" in line or "[" in line[:3] else line for line in text.splitlines())
    found = model_settings.parse(used)
    shown = {key for one in found.values() for key, value in dataclasses.asdict(one).items() if value is not None}
    assert shown == set(model_settings.KEYS)
    assert model_settings.parse(text) == {}, "the sample changes nothing before a line is uncommented"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[helmets]\nconf = 1.5", "[helmets] conf = 1.5: use a number from 0 to 1"),
        ("[helmets]\nconf = nan", "use a number from 0 to 1"),
        ("[helmets]\niou = true", "[helmets] iou = true: use a number from 0 to 1"),
        ('[helmets]\niou = "0.5"', 'iou = "0.5": use a number from 0 to 1'),
        ("[helmets]\nmax_det = 0", "use a whole number from 1 to 3000"),
        ("[helmets]\nimgsz = 31", "use a whole number from 32 to 2048"),
        ("[helmets]\nimgsz = [640, 480]", "imgsz = [640, 480]: use a whole number from 32 to 2048"),
        ("[helmets]\nworkers = 0", "use a whole number, 1 or more"),
        ("[helmets]\nworkers = true", "use a whole number, 1 or more"),
        ("[helmets]\nbatch = 257", "use a whole number from 1 to 256"),
        ('[helmets]\nprecision = "f16"', 'use "f32" or "auto"'),
        ("[helmets]\nidle_unload_s = 1", "use a whole number from 5 to 2592000"),
        ("[yolo]\nidle_unload_s = 600", "yolo always stays loaded; remove the line"),
        ("[helmets]\nrate_limit = 60", 'write a rate in quotes, as "60/minute"'),
        ('[helmets]\nrate_limit = "fast"', 'write a rate as "60/minute", or several as "10/second;600/hour"'),
        ('[helmets]\nrate_limit = "1/2 days"', "from one second to one day"),
        ("[helmets]\nmaxdet = 5", "unknown key 'maxdet'; did you mean max_det?"),
        ("[helmets]\nconfidence = 0.5", "unknown key 'confidence'; did you mean conf?"),
        ("[helmets]\nidle-unload-s = 60", "did you mean idle_unload_s?"),
        ("[helmets]\nzzz = 5", "unknown key 'zzz'; use conf, iou, max_det,"),
        ("conf = 0.5", "conf is in no table; put it below the name of a model, such as [yolo]"),
        ("helmets = 0.5", "'helmets' is not a table; write [helmets], with its settings below"),
        ('["my model"]\nconf = 0.5', "cannot be a model's name"),
        ("[helmets\nconf = 0.5", "is not valid TOML: "),
        ("[helmets]\n[helmets]", "is not valid TOML: "),
    ],
)
def test_an_error_names_the_table_the_key_the_bounds_and_the_fix(text, says):
    with pytest.raises(ModelSettingsError) as caught:
        model_settings.parse(text)
    assert str(caught.value).startswith("models.toml")
    assert says in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ModelSettingsError) as caught:
        model_settings.parse("[helmets]\nconf = 2\nspeed = 1\n[plates]\nbatch = 0")
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_cannot_be_read_is_an_error_with_a_fix(tmp_path):
    (tmp_path / "models.toml").write_bytes(b"[helmets] # \xff")
    with pytest.raises(ModelSettingsError, match="UTF-8"):
        model_settings.read(tmp_path / "models.toml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelSettingsError, match="make it readable or remove it"):
        model_settings.read(tmp_path / "folder")


def test_a_table_of_an_unknown_model_is_a_note_with_the_nearest_name():
    settings = model_settings.parse("[helmet]\nconf = 0.5\n[plates]\n[yolo]")
    assert list(model_settings.unknown(settings, ["yolo", "helmets"])) == [
        "[helmet] is of no model that is served; did you mean [helmets]?",
        "[plates] is of no model that is served",
    ]


@pytest.mark.parametrize(
    ("key", "low", "high"), [("conf", 0, 1), ("iou", 0, 1), ("max_det", 1, 3000), ("imgsz", 32, 2048)]
)
def test_the_bounds_of_a_requests_defaults_are_those_of_its_parameters(key, low, high):
    for value in (low, high):
        assert getattr(model_settings.parse(f"[a]\n{key} = {value}")["a"], key) == value
        parameters.parse({key: str(value)}, MODEL)
    for value in (low - 1, high + 1):
        with pytest.raises(ModelSettingsError):
            model_settings.parse(f"[a]\n{key} = {value}")
        with pytest.raises(InvalidParameter):
            parameters.parse({key: str(value)}, MODEL)


@pytest.mark.parametrize(
    ("key", "kind", "variable"), [("batch", ServerSettings, "batch_size"), ("workers", Settings, "workers")]
)
def test_the_bounds_of_numbers_are_those_of_the_variables(key, kind, variable):
    (declared,) = [field.metadata for field in dataclasses.fields(kind) if field.name == variable]
    for value, accepted in ((declared["low"], True), (declared["low"] - 1, False), (declared["high"] or 10**6, True)):
        try:
            model_settings.parse(f"[a]\n{key} = {value}")
        except ModelSettingsError:
            assert not accepted
        else:
            assert accepted
    if declared["high"] is not None:
        with pytest.raises(ModelSettingsError):
            model_settings.parse(f"[a]\n{key} = {declared['high'] + 1}")


def test_the_precisions_are_those_of_the_variable():
    (choices,) = [field.metadata["choices"] for field in dataclasses.fields(Settings) if field.name == "precision"]
    assert [model_settings.parse(f'[a]\nprecision = "{one}"')["a"].precision for one in choices] == list(choices)


@pytest.mark.parametrize(
    "rate", ["", "60/minute", "10/second;600/hour", "1 per 5 minutes", "1/day", "86400/86400 seconds"]
)
def test_a_rate_that_is_accepted_is_one_that_the_gateway_reads(rate):
    assert model_settings.parse(f'[a]\nrate_limit = "{rate}"')["a"].rate_limit == rate
    parse_rates(rate)


@pytest.mark.parametrize("rate", ["0/minute", "1/2 days", "60", "/minute", "60/fortnight"])
def test_a_rate_that_the_gateway_refuses_is_refused(rate):
    with pytest.raises(ModelSettingsError):
        model_settings.parse(f'[a]\nrate_limit = "{rate}"')
    with pytest.raises(ValueError):
        parse_rates(rate)
