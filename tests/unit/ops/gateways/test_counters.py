import httpx
import pytest

from ops.gateways import counters
from ops.gateways.counters import Gateways, Measured
from tests.unit.ops.fake_gateway import FakeGateway, gateways


@pytest.fixture
def gateway(tmp_path):
    return FakeGateway(tmp_path)


def test_what_happened_in_a_step_is_the_difference_of_two_reads(gateway):
    gateway.happen("1.1", "canary", 100, found=9)
    before = counters.baseline(gateways(gateway).read()[0])
    gateway.happen("1.1", "canary", 20, p95_ms=80, found=2, errors=1, rejected=4, fallbacks=1)
    seen, problems = gateways(gateway).read()
    assert problems == []
    found = counters.measure(seen, before, "1.1", "canary")
    assert found == Measured(requests=16, failures=1, answered=15, detections=30, p95_ms=80)
    assert found.failure_rate == 1 / 16
    assert found.found == 2


def test_several_gateways_are_added_up_and_their_times_weighted(gateway, tmp_path):
    other = FakeGateway(tmp_path)
    gateway.happen("1.0", "stable", 30, p95_ms=100)
    other.happen("1.0", "stable", 10, p95_ms=200)
    seen, _ = gateways(gateway, other).read()
    found = counters.measure(seen, {}, "1.0", "stable")
    assert (found.requests, found.p95_ms) == (40, 125)


def test_each_gateway_behind_a_name_is_asked(gateway, tmp_path):
    behind = {"10.0.0.2": gateway, "10.0.0.3": FakeGateway(tmp_path)}
    for number, fake in enumerate(behind.values(), 1):
        fake.happen("1.0", "stable", 10 * number)
    transport = httpx.MockTransport(lambda request: behind[request.url.host](request))
    seen, problems = Gateways(["http://api-gateway:8000"], transport, resolve=lambda host: list(behind)).read()
    assert [one.gateway for one in seen] == ["http://10.0.0.2:8000", "http://10.0.0.3:8000"]
    assert (counters.measure(seen, {}, "1.0", "stable").requests, problems) == (30, [])


def test_a_gateway_that_was_restarted_counts_from_its_start(gateway):
    gateway.happen("1.1", "canary", 100)
    before = counters.baseline(gateways(gateway).read()[0])
    gateway.restart("13:00")
    gateway.happen("1.1", "canary", 120)
    assert counters.measure(gateways(gateway).read()[0], before, "1.1", "canary").requests == 120


def test_a_gateway_that_was_not_heard_at_first_counts_from_when_it_was(gateway, tmp_path):
    late = FakeGateway(tmp_path, down=True)
    late.happen("1.1", "canary", 1000)
    before = counters.baseline(gateways(gateway, late).read()[0])
    gateway.happen("1.1", "canary", 5)  # the first that it was ever asked: of the step
    late.down = False
    seen, _ = gateways(gateway, late).read()
    before = counters.add_missing(before, seen)
    assert counters.measure(seen, before, "1.1", "canary").requests == 5
    late.happen("1.1", "canary", 2)
    seen, _ = gateways(gateway, late).read()
    assert counters.add_missing(before, seen) == before
    assert counters.measure(seen, before, "1.1", "canary").requests == 7


def test_requests_that_it_could_not_be_asked_are_failures_of_its(gateway):
    gateway.happen("1.1", "canary", 10, errors=2, fallbacks=7)
    found = counters.measure(gateways(gateway).read()[0], {}, "1.1", "canary")
    assert (found.requests, found.failures, found.answered) == (15, 7, 8)


def test_timeouts_do_not_hide_requests_that_it_could_not_be_asked(gateway):
    # 5 timeouts, which nobody else answered; 3 errors and 4 requests without a READY worker that the stable one did.
    gateway.happen("1.1", "canary", 20, errors=8, fallbacks=7, errors_with_fallback=3)
    found = counters.measure(gateways(gateway).read()[0], {}, "1.1", "canary")
    assert (found.requests, found.failures, found.answered) == (24, 12, 12)


def test_a_version_that_nobody_asked_has_done_nothing(gateway):
    found = counters.measure(gateways(gateway).read()[0], {}, "1.1", "canary")
    assert (found, found.found, found.failure_rate) == (Measured(), None, 0.0)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(401), "YOLO_API_KEY"),
        (httpx.Response(503, json={}), "answers 503"),
        (httpx.Response(200, text="<html>"), "not answer JSON"),
        (httpx.Response(200, json={"models": []}), "older"),
        (httpx.Response(200, json=[]), "older"),
    ],
)
def test_a_gateway_that_tells_nothing_is_named_with_the_reason(answer, told):
    if answer.status_code == 401:
        answer = httpx.Response(401, json={})
    asked = Gateways(["http://gateway"], httpx.MockTransport(lambda request: answer))
    seen, (problem,) = asked.read()
    assert seen == []
    assert told in problem
    assert "http://gateway" in problem


def test_one_that_does_not_answer_is_no_reason_not_to_hear_the_others(gateway, tmp_path):
    down = FakeGateway(tmp_path, down=True)
    seen, (problem,) = gateways(gateway, down).read()
    assert len(seen) == 1
    assert "does not answer" in problem


def test_the_key_of_the_operations_is_sent_when_there_is_one(monkeypatch):
    sent = []
    monkeypatch.delenv("YOLO_API_KEY", raising=False)
    monkeypatch.delenv("YOLO_API_KEY_FILE", raising=False)

    def gateway(request):
        sent.append(request.headers.get("x-api-key"))
        return httpx.Response(200, json={"traffic": []})

    Gateways(["http://gateway"], httpx.MockTransport(gateway)).read()
    monkeypatch.setenv("YOLO_API_KEY", "secret")
    Gateways(["http://gateway"], httpx.MockTransport(gateway)).read()
    assert sent == [None, "secret"]
