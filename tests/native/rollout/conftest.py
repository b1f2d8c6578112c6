"""The running service for tests that release to it, with one worker; `test_two_workers.py` has two."""

from __future__ import annotations

import pytest

from tests.native.service import Service
from tests.support.archives import SURE
from tests.support.deployment import RELEASED_TO


@pytest.fixture
def service(installed: Service) -> Service:
    """Blue alone is there, and the base version alone is loaded, current and served."""
    installed.checkout.up(**RELEASED_TO)
    installed.settle()
    return installed


@pytest.fixture
def sure(service: Service) -> str:
    """A kept version that finds only what it is sure of."""
    if not (service.store / "yolo-sure.mar").exists():
        service.archive("sure", conf=SURE)
    return "sure"
