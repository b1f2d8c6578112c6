"""The numbers of each version: cumulative counts, windows, what is bounded; and who can answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from gateway.detection.prediction import Detection, Prediction
from gateway.model_server.base import Readiness
from gateway.model_server.errors import BackendError
from gateway.routing.availability import MISSED_S, Availability, TellsReadyVersions
from gateway.routing.choice import Arm, Role, Routing, ShadowShare
from gateway.routing.differences import Differences
from gateway.routing.metrics import RoutingMetrics
from gateway.routing.servers import SwitchedBackend
from gateway.routing.traffic import MOST_ROWS, WINDOW, Traffic, percentile
from tests.gateway.support.routing_files import Source

CANARY = Routing(5, stable="1.0", arms=(Arm("1.1", "canary", 1000),), salt="a")


def found(boxes: int) -> Prediction:
    return Prediction([Detection(0.9, "bus", 5, (0.0, 0.0, 1.0, 1.0))] * boxes, None, "yolo", "1.1", "detect")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def traffic(registry: CollectorRegistry) -> Traffic:
    return Traffic(RoutingMetrics(registry))


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([7.0], 95, 7.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), (list(range(1, 101)), 95, 95.0)],
)
def test_percentiles_are_of_the_nearest_rank(values: Sequence[float], percent: float, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_counts_are_cumulative_and_percentiles_of_the_last_thousand(traffic: Traffic) -> None:
    version = traffic.of("1.1", "canary")
    for number in range(WINDOW + 500):
        version.answered(found(1 if number < 500 else 3), 10.0 if number < 500 else 0.1)
    row = version.row()
    assert (row.requests, row.detections, row.window) == (1500, 3500, 1000)
    assert (row.p50_ms, row.p95_ms, row.detections_mean) == (100.0, 100.0, 3.0)


def test_a_remembered_answer_counts_but_says_nothing_about_speed(traffic: Traffic, registry: CollectorRegistry) -> None:
    version = traffic.of("1.1", "canary")
    version.answered(found(2), None)
    row = version.row()
    assert (row.requests, row.detections, row.window, row.p50_ms, row.detections_mean) == (1, 2, 0, None, None)
    assert registry.get_sample_value("gateway_version_seconds_count", {"model": "yolo", "version": "1.1"}) == 0


def test_outcomes_are_told_apart(traffic: Traffic) -> None:
    version = traffic.of("1.1", "canary")
    version.answered(found(0), 0.01)
    version.failed("error")
    version.failed("rejected")
    version.fell_back(after_error=True)
    version.fell_back(after_error=False)
    row = version.row()
    assert (row.requests, row.errors, row.rejected) == (3, 1, 1)
    assert (row.fallbacks, row.errors_with_fallback) == (2, 1)


def test_a_shadow_adds_up_its_differences(traffic: Traffic) -> None:
    version = traffic.of("1.2", "shadow")
    version.compared(Differences(1, 2, 3))
    version.compared(Differences(1, 0, 0))
    version.skipped()
    row = version.row()
    assert (row.compared, row.missing, row.extra, row.moved, row.skipped) == (2, 2, 2, 3, 1)
    assert row.requests == 0


def test_a_part_begins_at_nothing_with_its_revision_and_others_go_on(traffic: Traffic) -> None:
    traffic.of("1.0", "stable").answered(found(1), 0.01)
    traffic.of("1.1", "canary").answered(found(1), 0.01)
    traffic.begin(CANARY)
    rows = {(row.version, row.role): row for row in traffic.rows()}
    assert (rows["1.0", "stable"].requests, rows["1.0", "stable"].since_revision) == (1, 0)
    assert (rows["1.1", "canary"].requests, rows["1.1", "canary"].since_revision) == (0, 5)
    traffic.of("1.1", "canary").answered(found(1), 0.01)
    traffic.begin(replace(CANARY, revision=6, arms=(Arm("1.1", "canary", 2500),)))
    rows = {(row.version, row.role): row for row in traffic.rows()}
    assert (rows["1.1", "canary"].requests, rows["1.1", "canary"].since_revision) == (1, 5)


def test_a_long_life_with_many_releases_is_bounded(traffic: Traffic, registry: CollectorRegistry) -> None:
    roles: tuple[Role, ...] = ("stable", "shadow")
    for number in range(2 * MOST_ROWS):
        for role in roles:
            version = traffic.of(f"1.{number}", role)
            version.answered(found(1), 0.01)
            version.failed("error")
            version.fell_back(after_error=True)
            version.compared(Differences(1, 1, 1))
            version.skipped()
    traffic.of("2.0", "stable").answered(found(1), 0.01)
    assert len(traffic.rows()) == MOST_ROWS
    assert traffic.rows()[-1].version == "2.0"
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    by_part = {(sample.labels["version"], sample.labels["role"]) for sample in samples if "role" in sample.labels}
    assert by_part == {(row.version, row.role) for row in traffic.rows()}
    by_version = {sample.labels["version"] for sample in samples if "version" in sample.labels}
    assert by_version == {row.version for row in traffic.rows()}
    # Of the oldest version one part is forgotten already, and what it did as the other goes on.
    oldest = traffic.rows()[0]
    assert oldest.role == "shadow"
    labels = {"model": "yolo", "version": oldest.version}
    assert registry.get_sample_value("gateway_version_detections_total", labels) == 2


class Server:
    """A backend that tells which versions have a worker."""

    name = "fake"

    def __init__(self, ready: frozenset[str]) -> None:
        self.tells = ready
        self.asked = 0
        self.down = False

    async def ready_versions(self) -> frozenset[str]:
        self.asked += 1
        if self.down:
            raise BackendError("down")
        return self.tells

    async def predict(self, *_: object) -> Prediction:
        return found(1)

    async def ready(self) -> Readiness:
        return Readiness(True)

    async def models(self) -> list[object]:
        return []

    async def aclose(self) -> None:
        return None


@pytest.mark.anyio
async def test_a_version_without_a_worker_is_not_usable_until_it_has_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.routing")
    server = Server(frozenset({"1.0"}))
    routing = replace(CANARY, shadow=ShadowShare("1.2", 0.5))
    watch = Availability(server, Source(routing))  # type: ignore[arg-type]
    assert watch.usable("1.1")
    await watch.look()
    assert [watch.usable(version) for version in ("1.0", "1.1", "1.2")] == [True, False, False]
    server.tells = frozenset({"1.0", "1.1"})
    await watch.look()
    assert [watch.usable(version) for version in ("1.0", "1.1", "1.2")] == [True, True, False]
    server.down = True
    await watch.look()
    assert not watch.usable("1.2"), "a server that does not answer tells nothing new"
    server.down = False
    await watch.look()
    server.tells = frozenset({"1.0", "1.1", "1.2"})
    await watch.look()
    assert watch.usable("1.2")
    said = [(record.levelname, record.message, getattr(record, "versions", None)) for record in caplog.records]
    assert said == [
        ("WARNING", "versions that routing chooses are not ready", ["1.1", "1.2"]),
        ("INFO", "versions that routing chooses are ready again", ["1.1"]),
        ("INFO", "versions that routing chooses are ready again", ["1.2"]),
    ]


@pytest.mark.anyio
async def test_while_nothing_is_chosen_the_server_is_not_asked() -> None:
    server = Server(frozenset())
    await Availability(server, Source(Routing(1, stable="1.0"))).look()  # type: ignore[arg-type]
    assert server.asked == 0


def test_a_version_that_was_missed_is_tried_again_a_second_later() -> None:
    now = 100.0
    watch = Availability(Server(frozenset()), Source(CANARY), clock=lambda: now)  # type: ignore[arg-type]
    watch.missed("1.1")
    assert not watch.usable("1.1")
    now += MISSED_S
    assert watch.usable("1.1")
    watch.missed("1.1")
    watch.forget()
    assert watch.usable("1.1")


@pytest.mark.anyio
async def test_several_servers_tell_what_the_one_in_force_tells() -> None:
    source = Source(Routing())
    blue = Server(frozenset({"1.0"}))
    switched = SwitchedBackend(blue, {"green": object()}, source)  # type: ignore[arg-type, dict-item]
    assert isinstance(switched, TellsReadyVersions)
    assert await switched.ready_versions() == {"1.0"}
    source.routing = Routing(2, server="green")
    assert await switched.ready_versions() is None
