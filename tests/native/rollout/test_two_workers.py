"""A release to two workers; the tests before this one share a service with one."""

from __future__ import annotations

import pytest

from tests.native.rollout.clients import Clients
from tests.native.service import Service
from tests.support.deployment import RELEASED_TO
from tests.support.endpoints import HTTP


@pytest.fixture
def service(installed: Service) -> Service:
    """As for the other tests, with two workers."""
    installed.checkout.up(**{**RELEASED_TO, "WORKERS": "2"})
    installed.settle()
    return installed


def test_a_version_with_two_workers_answers_all_it_has_before_it_goes(service, sure):
    with Clients(service).at_work(pause_s=0) as people:
        service.go("scripts/canary.sh", "start", sure, "--percent", "50")
        people.more()
        service.go("scripts/canary.sh", "promote")
        people.more()
        loaded = HTTP.get(f"{service.management}/models/yolo", timeout=5).json()
        assert len(loaded[0]["workers"]) == 2
        service.go("scripts/rollback.sh")
