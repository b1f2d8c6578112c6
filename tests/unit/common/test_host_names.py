"""Which Host headers name a server, and which a page that was rebound to it."""

from __future__ import annotations

import pytest

from host_names import is_allowed

ALLOWED = {"yolo.example.org", "*.lan"}


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost:8001", "localhost.", "a.localhost", "127.0.0.1:8001", "[::1]:8001", "192.0.2.3"),
        *("yolo.example.org:443", "Yolo.Example.org", "a.lan", "a.b.lan"),
    ],
)
def test_a_name_of_the_server(host: str) -> None:
    assert is_allowed(host, ALLOWED)


@pytest.mark.parametrize(
    "host",
    [
        *("page.example", "page.example:8001", "localhost.page.example", "127.0.0.1.page.example", "page.example:1:2"),
        *("yolo.example.org.page", "xyolo.example.org", "lan", "xlan", "", "[", "." * 16_000),
        *("127.0.0.1@page.example", "page.example:8086:127.0.0.1"),
    ],
)
def test_a_foreign_name(host: str) -> None:
    assert not is_allowed(host, ALLOWED)


def test_a_star_allows_every_name() -> None:
    assert is_allowed("page.example", {"*"})
