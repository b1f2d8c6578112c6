import pytest

from ops.errors import OpsError
from ops.system import settings


@pytest.fixture(autouse=True)
def no_ports_in_the_environment(monkeypatch):
    for name in [*settings.PORTS, "BIND"]:
        monkeypatch.delenv(name, raising=False)


def write(tmp_path, text):
    path = tmp_path / ".env"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(tmp_path):
    loaded = settings.load(tmp_path / ".env")
    assert loaded.ports == settings.PORTS
    assert loaded.bind == "127.0.0.1"
    assert loaded.gateway == "http://127.0.0.1:8001"


def test_the_file_sets_and_an_empty_value_means_the_default(tmp_path):
    loaded = settings.load(write(tmp_path, "GATEWAY_PORT=9001\nINFERENCE_PORT=\n"))
    assert (loaded.ports["GATEWAY_PORT"], loaded.ports["INFERENCE_PORT"]) == (9001, 8085)


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_PORT", "9002")
    assert settings.load(write(tmp_path, "GATEWAY_PORT=9001\n")).ports["GATEWAY_PORT"] == 9002


def test_an_invalid_port_is_named(tmp_path):
    with pytest.raises(OpsError, match="GATEWAY_PORT=http is not a port"):
        settings.load(write(tmp_path, "GATEWAY_PORT=http\n"))


def test_two_services_on_one_port_are_refused_before_anything_starts(tmp_path):
    with pytest.raises(OpsError, match="GATEWAY_PORT, INFERENCE_PORT"):
        settings.load(write(tmp_path, "GATEWAY_PORT=8085\n"))


def test_torchserves_ports_may_be_any_free_ones_and_the_gateways_may_not(tmp_path):
    loaded = settings.load(write(tmp_path, "INFERENCE_PORT=0\nMANAGEMENT_PORT=0\n"))
    assert (loaded.ports["INFERENCE_PORT"], loaded.ports["MANAGEMENT_PORT"]) == (0, 0)
    with pytest.raises(OpsError, match="GATEWAY_PORT=0 is not a port"):
        settings.load(write(tmp_path, "GATEWAY_PORT=0\n"))
