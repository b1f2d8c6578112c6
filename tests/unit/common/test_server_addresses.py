"""How many servers a host stands for."""

from __future__ import annotations

import pytest

from server_addresses import is_one_server, one_family


@pytest.mark.parametrize(
    ("host", "is_one"), [("10.0.0.2", True), ("fd00::2", True), ("localhost", True), ("ts", False)]
)
def test_an_address_and_this_machine_are_one_server(host: str, is_one: bool) -> None:
    assert is_one_server(host) == is_one


def test_a_server_with_addresses_of_both_families_is_one_server() -> None:
    assert one_family(["fd00::2", "10.0.0.3", "10.0.0.2", "10.0.0.2"]) == ["10.0.0.2", "10.0.0.3"]
    assert one_family(["fd00::2"]) == ["fd00::2"]
