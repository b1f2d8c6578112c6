"""The real service observed by the real Prometheus and Alertmanager with the project's rules, dashboards and drift."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageOps

from detection_profile import ASPECTS
from gateway.drift.version import LEAST_IMAGES
from tests.native.rollout.observed import Observed, broken_gateway, check_alert, check_expressions, observe
from tests.native.service import Service
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.monitoring import alert_expression
from tests.support.waiting import wait_until

#: Finds almost nothing: its answers differ from those of the version that it shadows.
SHADOW, NEARLY_NOTHING = "nearly-nothing", 0.9


def usual_images(service: Service) -> list[bytes]:
    """What a camera sends: the street and parts of it."""
    street = Image.open(service.street)
    width, height = street.size
    return [service.street.read_bytes(), *(encoded(street.crop((0, 0, width, height * n // 4))) for n in (2, 3))]


def unusual_image(service: Service) -> bytes:
    """Something in which the model finds other classes: people in blue, in negative."""
    people = ImageOps.invert(Image.open(service.root / "samples/people.jpg"))
    black = Image.new("L", people.size)
    return encoded(Image.merge("RGB", (black, black, people.getchannel("B"))))


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return stream.getvalue()


def send(observed: Observed, images: list[bytes], number: int) -> None:
    """Send so many requests to the gateway with a cache, about these images in turn; BASE answers."""
    for index in range(number):
        content = images[index % len(images)]
        answer = HTTP.post(f"{observed.cached}/predict", params={"version": BASE}, content=content)
        assert answer.status_code == 200, answer.text


def is_stored(observed: Observed) -> bool:
    """Tell whether the gateway uses the stored baseline."""
    (drift,) = HTTP.get(f"{observed.cached}/models/yolo").json()["drift"]
    return bool(drift["kept"])


@pytest.fixture(scope="module")
def observed(installed: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """The service with a stored baseline, and with as many images of the last hour as are compared with it."""
    installed.checkout.up(**RELEASED_TO)
    installed.settle()
    with observe(installed, tmp_path_factory.mktemp("observed")) as found:
        drift = ("scripts/drift.sh", "--url", found.cached, "--version", BASE)
        send(found, usual_images(installed), LEAST_IMAGES)
        installed.go(*drift, "--keep")
        wait_until(lambda: is_stored(found), "the gateway uses the stored baseline")
        send(found, usual_images(installed), LEAST_IMAGES)
        yield found
        installed.go(*drift, "--forget")
    again = installed.script("scripts/observe.sh", "status")
    assert again.returncode == 1
    assert "prometheus     not running" in again.stdout


def test_images_of_other_classes_raise_the_drift_and_more_of_the_same_do_not(observed):
    index, drifts = "gateway_drift_stability_index", alert_expression("ImagesDrift")
    prometheus, alerts = observed.prometheus, observed.alerts
    wait_until(lambda: len(prometheus.query(index)) == len(ASPECTS), "the drift is scraped")
    assert max(prometheus.query(index)) < 0.1
    assert prometheus.query(drifts) == []
    send(observed, [unusual_image(observed.service)], 3 * LEAST_IMAGES)
    wait_until(lambda: prometheus.has_data(f'{drifts} and {index}{{aspect="classes"}}'), "other classes are noticed")
    wait_until(lambda: alerts.has("firing", alertname="ImagesDrift", aspect="classes"), "the alert has come")


def test_every_expression_has_data_and_an_alert_travels_to_the_webhook_and_back(observed, service, sure):
    if not (service.store / f"yolo-{SHADOW}.mar").exists():
        service.archive(SHADOW, conf=NEARLY_NOTHING)
    service.go("scripts/canary.sh", "start", sure, "--percent", "50")
    service.go("scripts/shadow.sh", "start", SHADOW, "--percent", "100", "--accept-drift")
    with broken_gateway(observed.broken_port):
        check_expressions(observed)
    check_alert(observed)
