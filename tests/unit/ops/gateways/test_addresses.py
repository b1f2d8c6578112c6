"""Which gateways a URL stands for."""

from __future__ import annotations

import socket

import pytest

from ops.gateways import addresses


def test_each_address_of_a_name_is_a_gateway():
    found = addresses.each("http://api-gateway:8000", lambda host: ["10.0.0.2", "10.0.0.3"])
    assert found == ["http://10.0.0.2:8000", "http://10.0.0.3:8000"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001", "http://localhost:8001", "https://yolo.example.org", "no URL", ""]
)
def test_what_is_one_gateway_is_not_looked_up(url):
    assert addresses.each(url, lambda host: pytest.fail(host)) == [url]


def test_a_name_with_one_address_or_none_stays_a_name():
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    assert addresses.each("http://api-gateway:8000", lambda host: ["10.0.0.2"]) == ["http://api-gateway:8000"]
    assert addresses.each("http://api-gateway:8000", unknown) == ["http://api-gateway:8000"]
