"""Which of several TorchServes gets a request, as pure functions of what is known of each."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from gateway.concurrency.circuit_breaker import FAILURES, PAUSE_S
from gateway.model_server.base import ModelVersion, Readiness, Served, Worker
from gateway.model_server.errors import (
    BackendError,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendOverloaded,
    BackendRejected,
    BackendUnavailable,
)
from gateway.model_server.torchserve import combining
from gateway.model_server.torchserve.balancing import Member, choose
from gateway.model_server.torchserve.discovery import ABSENT, INTERVAL_S, Discovery
from gateway.model_server.torchserve.instances import Endpoint, Instance, instances_of, read_endpoints

READY = Readiness(True, None, "1.0", 2, 4)
NOT_READY = Readiness(False, "none of its 2 workers is ready", "1.0")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def members(clock: Clock) -> list[Member[None]]:
    found = [Member(name, None, clock) for name in ("a", "b", "c")]
    for member in found:
        member.found(READY, clock.now)
    return found


def named(member: Member[None] | None) -> str | None:
    return member and member.name


def test_requests_go_to_the_fewest_outstanding_and_in_turns_where_these_are_equal(members: list[Member[None]]) -> None:
    given = []
    for turn in range(1, 10):
        chosen = choose(members)
        assert chosen is not None
        chosen.begins(turn)
        given.append(chosen.name)
        if chosen.name != "c":  # which keeps what it got
            chosen.ends()
    assert given == ["a", "b", "c", "a", "b", "a", "b", "a", "b"]


@pytest.mark.parametrize("fault", [BackendUnavailable("reset"), BackendNotReady("no model 'yolo' is loaded")])
def test_one_whose_connection_failed_is_out_until_a_check_that_began_later(
    members: list[Member[None]], clock: Clock, fault: BackendUnavailable
) -> None:
    lost, *_ = members
    lost.answered(fault)
    assert named(choose(members)) == "b"
    assert not lost.found(READY, asked=clock.now - 1), "the answer is from before"
    assert not lost.in_rotation
    assert lost.state().reason == "its connections failed"
    assert lost.found(READY, asked=clock.now)
    assert named(choose(members)) == "a"
    assert (lost.state().ready, lost.state().ejections, lost.state().failures) == (True, 1, 1)


def test_one_without_a_ready_worker_is_out_until_it_has_one(members: list[Member[None]], clock: Clock) -> None:
    first, *_ = members
    assert first.found(NOT_READY, clock.now)
    assert not first.found(NOT_READY, clock.now), "that is known"
    assert named(choose(members)) == "b"
    assert first.state().reason == NOT_READY.reason
    assert first.found(READY, clock.now)
    assert named(choose(members)) == "a"


def test_one_that_fails_fast_attracts_no_requests_and_is_tried_again_later(
    members: list[Member[None]], clock: Clock
) -> None:
    broken, *_ = members
    for _ in range(FAILURES):
        assert broken.in_rotation
        broken.answered(BackendError("500"))
    assert named(choose(members)) == "b"
    clock.now += PAUSE_S
    assert named(choose(members)) == "a", "one request finds out"
    assert named(choose(members)) == "b", "and no second one"
    broken.answered(None)
    assert broken.in_rotation


@pytest.mark.parametrize(
    "fault", [BackendOverloaded("full"), BackendRejected("invalid_image", ""), BackendNoSuchVersion("2.0"), None]
)
def test_an_answer_is_no_reason_to_take_one_out(members: list[Member[None]], fault: BackendOverloaded | None) -> None:
    for _ in range(2 * FAILURES):
        members[0].answered(fault)
    assert members[0].in_rotation


def test_a_new_one_is_asked_once_it_was_found_ready_unless_nothing_is_known_of_any(
    members: list[Member[None]], clock: Clock
) -> None:
    new = Member("new", None, clock)
    assert named(choose([new, *members])) == "a"
    assert new.state().reason == "it has not been asked yet"
    assert new.found(READY, clock.now)
    assert named(choose([new, *members])) == "new"
    strangers = [Member(name, None, clock) for name in ("x", "y")]
    assert named(choose(strangers)) == "x"
    assert named(choose(strangers, strangers[:1])) == "y"


def test_if_all_are_out_all_are_asked_and_none_twice(members: list[Member[None]]) -> None:
    for member in members:
        member.lose()
    assert named(choose(members)) == "a"
    assert choose(members, [members[0]]) is None
    assert choose([]) is None


def test_a_name_is_as_many_servers_as_it_has_addresses_and_an_address_or_localhost_is_one() -> None:
    named = Endpoint("http://torchserve:8085", "http://torchserve:8086")
    assert [one.name for one in instances_of(named, ["10.0.0.2", "fd00::2"])] == ["10.0.0.2:8085", "[fd00::2]:8085"]
    for host in ("127.0.0.1", "[::1]", "localhost"):
        single = Endpoint(f"http://{host}:8085", f"http://{host}:8086")
        assert single.host is None
        assert instances_of(single, ["10.0.0.2"]) == [Instance(single.inference_url, single.management_url)]
    assert Endpoint("http://torchserve:8085", "http://127.0.0.1:8086").host is None, "they cannot be paired"
    assert [one.host for one in read_endpoints("http://a:1,http://b:1", "http://a:2,http://b:2")] == ["a", "b"]


def test_readiness_is_that_of_one_and_the_workers_are_those_of_all() -> None:
    assert combining.readiness([NOT_READY]) is NOT_READY
    both = combining.readiness([READY, NOT_READY, replace(READY, version="1.1"), READY])
    assert (both.ready, both.version, both.workers, both.batch_size) == (True, "1.0", 6, 4)
    neither = combining.readiness([NOT_READY, NOT_READY])
    assert neither.reason == "none of 2 TorchServes is ready: none of its 2 workers is ready"


def test_nothing_is_cached_while_the_versions_differ_and_the_epoch_is_of_all() -> None:
    one, other = Served("1.0", "9000@1"), Served("1.0", "9000@2")
    assert combining.served([one, other]) == combining.served([other, one]) == Served("1.0", "9000@1 | 9000@2")
    assert combining.served([one, Served("1.1", "9000@2")]) is None
    assert combining.served([one, None]) is None


def test_versions_are_put_together_with_their_workers_and_queues() -> None:
    version = ModelVersion("1.0", True, [Worker("9000", "READY")], 4, 5, 100, 1, {"engine": "openvino"})
    (found,) = combining.versions({"a": [replace(version, details={})], "b": [version]})
    assert [(worker.id, worker.instance) for worker in found.workers] == [("9000", "a"), ("9000", "b")]
    assert (found.queue_free, found.queue_waiting, found.details) == (200, 2, {"engine": "openvino"})


@pytest.mark.anyio
async def test_a_failed_lookup_changes_nothing_and_a_name_that_is_gone_has_no_server(clock: Clock) -> None:
    answers: list[list[str] | OSError] = []

    async def look_up(host: str) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def found(answer: list[str] | OSError) -> list[str | None]:
        answers.append(answer)
        clock.now += INTERVAL_S
        await discovery.refresh()
        return [one.address for one in discovery.instances]

    discovery = Discovery([Endpoint("http://torchserve:8085", "http://torchserve:8086")], look_up, clock)
    gone = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert await found(["10.0.0.2", "10.0.0.3"]) == ["10.0.0.2", "10.0.0.3"]
    for _ in range(2 * ABSENT):
        assert await found(socket.gaierror(socket.EAI_AGAIN, "Temporary failure")) == ["10.0.0.2", "10.0.0.3"]
    assert [await found(gone) for _ in range(ABSENT)] == [["10.0.0.2", "10.0.0.3"]] * (ABSENT - 1) + [[]]
    assert await found(["10.0.0.4"]) == ["10.0.0.4"]
    await discovery.refresh()
    assert not answers, "twice within a second, it is looked up once"
