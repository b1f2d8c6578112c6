"""The service with the settings that other tests do without: one start of it, because each takes half a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.native.checkout import Checkout
from tests.native.service import Service
from tests.support.deployment import DEMO
from tests.support.otlp import Collector, collecting

SECRET = "s3cret"
#: A setting with a secret; nothing listens there, and the gateway counts rates in its own memory.
SECRETS = {"REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0"}
#: Variables of the person who starts the service, which are none of its business.
FOREIGN = {
    "YOLO_API_KEY": f"{SECRET}-key",
    "AWS_SECRET_ACCESS_KEY": f"{SECRET}-aws",
    "WEIGHTS": f"https://u:{SECRET}@h/b.pt",
}


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where spans are sent."""
    with collecting() as found:
        yield found


@pytest.fixture
def configured(installed: Service, collector: Collector) -> Checkout:
    """The service with a collector, secrets, and batches of three, for which the first image waits half a second."""
    installed.checkout.up(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        BATCH_SIZE="3",
        MAX_BATCH_DELAY_MS="500",
        WORKERS="1",
        **SECRETS,
        **FOREIGN,
    )
    installed.settle(DEMO)
    return installed.checkout
