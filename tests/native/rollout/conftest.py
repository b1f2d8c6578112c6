"""The running service for tests that release to it: one worker with one thread, so that a core is left for the rest.

Clients that send requests without a pause use all the CPU that the model server takes. With more workers an operation
also waits some seconds for each version that it drains; `test_canary.py` has one test with two workers.
"""

from __future__ import annotations

import pytest

from tests.native.service import Service
from tests.support.archives import SURE

ONE_WORKER = {"WORKERS": "1", "THREADS": "1"}


@pytest.fixture
def service(installed: Service) -> Service:
    """Blue alone is there, and the base version alone is loaded, current and served."""
    installed.checkout.up(**ONE_WORKER)
    installed.settle()
    return installed


@pytest.fixture
def sure(service: Service) -> str:
    """A kept version that finds only what it is sure of."""
    if not (service.store / "yolo-sure.mar").exists():
        service.archive("sure", conf=SURE)
    return "sure"
