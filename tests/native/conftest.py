"""The real TorchServe and gateway, set up by up.sh in a fresh copy of the tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.native.checkout import Checkout, fresh_checkout
from tests.native.service import Service
from tests.support.deployment import DEMO


@pytest.fixture(scope="session")
def checkout() -> Iterator[Checkout]:
    """A fresh copy of the tree, shared by the ring: its environment is installed once."""
    with fresh_checkout() as found:
        yield found


@pytest.fixture(scope="session")
def first_up(checkout: Checkout) -> subprocess.CompletedProcess[str]:
    """The very first `up.sh` on a machine with only Python: set-up, demonstration weights, archive, services."""
    done = checkout.run("scripts/up.sh", "--native")
    assert done.returncode == 0, done.stdout
    return done


@pytest.fixture(scope="session")
def installed(checkout: Checkout, first_up: subprocess.CompletedProcess[str]) -> Service:
    """The service of the checkout, which may be running or not, and its model store."""
    return Service(checkout)


@pytest.fixture
def service(checkout: Checkout, first_up: subprocess.CompletedProcess[str]) -> Checkout:
    """The running, ready service with the default settings."""
    checkout.up()
    checkout.wait_ready()
    return checkout


@pytest.fixture
def demo(installed: Service) -> Checkout:
    """The running, ready service with the demonstration weights."""
    installed.checkout.up()
    installed.settle(DEMO)
    return installed.checkout
