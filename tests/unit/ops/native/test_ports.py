import socket

import pytest

from ops.errors import OpsError
from ops.native import ports


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_its_holder_and_the_mend(taken):
    with pytest.raises(OpsError) as caught:
        ports.require_free("127.0.0.1", {"GATEWAY_PORT": taken})
    message = str(caught.value)
    assert f"port {taken} is taken by process" in message
    assert f"GATEWAY_PORT={taken + 1000}" in message
    assert "Nothing was started" in message


def test_any_free_port_is_for_compose_alone():
    with pytest.raises(OpsError, match="INFERENCE_PORT=0 is for Compose"):
        ports.require_free("127.0.0.1", {"MANAGEMENT_PORT": 8086, "INFERENCE_PORT": 0})


def test_a_port_is_free_again_once_its_server_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ports.require_free("127.0.0.1", {"GATEWAY_PORT": port})
