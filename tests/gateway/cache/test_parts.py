"""The cache's parts by themselves: keys, bytes, headers, memory, the breaker, shared work."""

from __future__ import annotations

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers

from gateway.api.answer_headers import answer_headers
from gateway.api.ask import cache_control
from gateway.cache.codec import decode, encode
from gateway.cache.detector import CachingDetector
from gateway.cache.key import cache_key
from gateway.cache.metrics import CacheMetrics
from gateway.cache.serving import Serving
from gateway.cache.stores import ENTRY_OVERHEAD, MemoryStore
from gateway.concurrency.circuit_breaker import Breaker
from gateway.concurrency.single_flight import Flights, TooManyWaitError
from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import NO_PARAMETERS, Parameters
from gateway.detection.prediction import Detection, Prediction
from gateway.detection.request import Answer, Ask
from gateway.model_server.base import Served
from tests.gateway.conftest import until

SERVED = Served("1.0", "9000@12:00")
EVERYTHING = Prediction(
    detections=[
        Detection(
            0.8912000000000001, "vélo 自転車", 3, (245.31, 0.1 + 0.2, 456.8, 1e-9), {"mask": [[1.5, 2.0]], "n": None}
        ),
        Detection(1.0, "", 0, (0.0, 0.0, 1.0, 1.0)),
    ],
    image_size=(810, 1080),
    model_name="yolo",
    model_version="1.0",
    task="segment",
    timings_ms={"decode": 5.31, "total": 65.2},
    extra={"probs": [{"name": "a", "conf": 0.1}], "deep": {"list": [1, 2.5, True, None, "\u2028"]}},
)
NOTHING = Prediction([], None, "yolo", None, None)


@pytest.mark.parametrize("prediction", [EVERYTHING, NOTHING])
def test_a_prediction_comes_back_as_it_was(prediction: Prediction) -> None:
    value = encode(prediction, 1764000000.25)
    assert decode(value) == (prediction, 1764000000.25)
    assert b" " not in value.replace("vélo 自転車".encode(), b"")


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"t":1,"d":[[1]]}', encode(NOTHING, 1764000000.25)[:-9]]
)
def test_bytes_that_are_no_answer_are_refused(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode(value)


def test_what_json_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError):
        encode(Prediction([], None, "yolo", None, None, {"infer": float("nan")}))


def test_a_key_depends_on_all_that_changes_an_answer_and_on_nothing_else() -> None:
    base = cache_key(b"d" * 32, NO_PARAMETERS, "torchserve", "yolo", SERVED)
    assert base == cache_key(b"d" * 32, Parameters(), "torchserve", "yolo", Served("1.0", "9000@12:00"))
    assert base.startswith("yolo-serving:cache:1:")
    others = {
        cache_key(b"e" * 32, NO_PARAMETERS, "torchserve", "yolo", SERVED),
        cache_key(b"d" * 32, Parameters(conf=0.25), "torchserve", "yolo", SERVED),
        cache_key(b"d" * 32, Parameters(iou=0.25), "torchserve", "yolo", SERVED),
        cache_key(b"d" * 32, Parameters(classes="1,2"), "torchserve", "yolo", SERVED),
        cache_key(b"d" * 32, Parameters(classes="12"), "torchserve", "yolo", SERVED),
        cache_key(b"d" * 32, NO_PARAMETERS, "oip", "yolo", SERVED),
        cache_key(b"d" * 32, NO_PARAMETERS, "torchserve", "other", SERVED),
        cache_key(b"d" * 32, NO_PARAMETERS, "torchserve", "yolo", Served("1.1", "9000@12:00")),
        cache_key(b"d" * 32, NO_PARAMETERS, "torchserve", "yolo", Served("1.0", "9000@12:01")),
    }
    assert len(others | {base}) == 10


def test_the_order_of_classes_changes_no_key_unless_an_entry_may_be_one_name() -> None:
    def key(classes: str) -> str:
        return cache_key(b"d" * 32, Parameters(classes=classes), "torchserve", "yolo", SERVED)

    assert key("2,1") == key('["1",2]') == key("1,2")
    assert key("red,light") != key("light,red")
    assert key('["light, red","bus"]') == key('["bus","light,red"]') != key("light,red,bus")


@pytest.mark.parametrize(
    ("value", "wish"),
    [
        ("", (False, None)),
        ("no-store", (True, None)),
        ("NO-CACHE", (False, 0)),
        ("max-age=60", (False, 60)),
        (' max-age = "60" , no-transform', (False, 60)),
        ("max-age=60, no-cache", (False, 0)),
        ("max-age=-1, max-age=soon, max-age=, =, ,,", (False, None)),
        ("max-age=" + "9" * 5000, (False, 2.0**31)),
        ("max-age=²", (False, None)),
        ("private, only-if-cached", (False, None)),
    ],
)
def test_what_a_request_says_of_remembered_answers(value: str, wish: tuple[bool, float | None]) -> None:
    assert cache_control(Headers({"cache-control": value})) == wish


def test_several_lines_count_as_one_and_none_as_any() -> None:
    lines = Headers(raw=[(b"cache-control", b"max-age=5"), (b"cache-control", b"no-store")])
    assert cache_control(lines) == (True, 5)
    assert cache_control(Headers({})) == (False, None)


def test_what_an_answer_says_of_itself() -> None:
    assert answer_headers(Answer(NOTHING)) == {}
    assert answer_headers(Answer(NOTHING, "miss")) == {"X-Cache": "MISS"}
    assert answer_headers(Answer(NOTHING, "hit", 12.9)) == {"X-Cache": "HIT", "Age": "12"}


@pytest.mark.anyio
async def test_memory_is_bounded_and_what_was_not_used_goes_first() -> None:
    room_for_three = 3 * (100 + ENTRY_OVERHEAD)
    store = MemoryStore(room_for_three, ttl_s=60)
    for name in "abc":
        await store.set(name, bytes(100))
    assert await store.get("a")
    await store.set("d", bytes(100))
    assert [name for name in "abcd" if await store.get(name)] == ["a", "c", "d"]
    assert store.taken == room_for_three
    await store.set("e", bytes(room_for_three))
    assert await store.get("e") is None, "larger than all there is: nothing else is driven out for it"
    assert store.taken == room_for_three


@pytest.mark.anyio
async def test_memory_forgets_when_the_time_is_over() -> None:
    now = 0.0
    store = MemoryStore(10_000, ttl_s=60, clock=lambda: now)
    await store.set("a", b"1")
    now = 59.0
    assert await store.get("a") == b"1"
    now = 60.0
    assert await store.get("a") is None
    assert store.taken == 0


def test_the_breaker_opens_after_failures_in_a_row_and_tries_once_a_pause() -> None:
    now = 0.0
    breaker = Breaker(failures=3, pause_s=1, longest_s=4, clock=lambda: now)
    assert not breaker.failed()
    assert not breaker.failed()
    assert not breaker.succeeded()
    # Those that were under way when it opened fail too, which makes nothing worse.
    assert [breaker.failed() for _ in range(9)] == [False, False, True, *[False] * 6]
    assert breaker.open
    assert not breaker.allows()
    pauses = []
    for _ in range(4):
        begun = now
        while not breaker.allows():
            now += 0.25
        assert not breaker.allows(), "only one tries"
        assert not breaker.failed(), "told once"
        pauses.append(now - begun)
    assert pauses == [1, 2, 4, 4]
    now += 4
    assert breaker.allows()
    assert breaker.succeeded()
    assert not breaker.open
    assert breaker.allows()


@pytest.mark.anyio
async def test_shared_work_goes_on_when_the_one_who_began_it_leaves() -> None:
    flights: Flights[int] = Flights()
    release, begun = asyncio.Event(), 0

    async def work() -> int:
        nonlocal begun
        begun += 1
        await release.wait()
        return 7

    first = asyncio.create_task(flights.join("k", work))
    second = asyncio.create_task(flights.join("k", work))
    await until(lambda: begun)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    release.set()
    assert await second == (7, True)
    assert begun == 1
    assert "k" not in flights


@pytest.mark.anyio
async def test_shared_work_ends_when_the_last_leaves_and_who_comes_then_begins_anew() -> None:
    flights: Flights[int] = Flights()
    begun = ended = 0

    async def never() -> int:
        nonlocal begun, ended
        begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # closing a connection takes a moment
            ended += 1
        return 0

    async def seven() -> int:
        return 7

    tasks = [asyncio.create_task(flights.join("k", never)) for _ in range(3)]
    await until(lambda: begun)
    for task in tasks:
        task.cancel()
    await until(lambda: "k" not in flights)
    assert await flights.join("k", seven) == (7, False)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert (begun, ended) == (1, 1), "nothing outlives those who wanted it"


@pytest.mark.anyio
async def test_a_failure_reaches_all_and_the_next_tries_again() -> None:
    flights: Flights[int] = Flights()
    begun = 0

    async def fails() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)
        raise LookupError("no")

    results = await asyncio.gather(*(flights.join("k", fails) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 5
    assert begun == 1
    with pytest.raises(LookupError):
        await flights.join("k", fails)
    assert begun == 2


@pytest.mark.anyio
async def test_until_a_result_is_stored_who_comes_gets_it_and_nobody_waits_for_the_storing() -> None:
    flights: Flights[int] = Flights()
    storing = asyncio.Event()

    async def work() -> int:
        return 7

    async def store(_: int) -> None:
        await storing.wait()

    assert await flights.join("k", work, store) == (7, False)
    assert "k" in flights
    assert await flights.join("k", work, store) == (7, True)
    storing.set()
    await until(lambda: "k" not in flights)


@pytest.mark.anyio
async def test_the_number_of_those_who_wait_is_bounded_and_closing_ends_it_all() -> None:
    flights: Flights[int] = Flights(most=2)

    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    waiting = [asyncio.create_task(flights.join("k", never)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaitError):
        await flights.join("k", never)
    await flights.aclose()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


def test_an_answer_is_small() -> None:
    box = Detection(0.8912, "person", 0, (245.31, 184.2, 456.8, 298.1))
    full = Prediction([box] * 20, (810, 1080), "yolo", "1.0", "detect", {"infer": 59.02})
    assert len(encode(full)) < 20 * 60 + 150
    assert json.loads(encode(full))["v"] == "1.0"


class Switching:
    """A backend of two servers with the same version on each; `server` says which is asked."""

    name = "fake"

    def __init__(self) -> None:
        self.server = "blue"
        self.asked = 0

    async def served(self, version: str | None = None) -> Served | None:
        return Served("1.0", self.server)

    async def detect(self, ask: Ask) -> Answer:
        self.asked += 1
        return Answer(Prediction([], None, self.server, "1.0", None))


@pytest.mark.anyio
async def test_an_answer_of_another_server_is_not_found_when_it_is_switched_back() -> None:
    backend, revision = Switching(), 1
    serving = Serving(backend, lambda: revision)  # type: ignore[arg-type]
    cache = CachingDetector(
        backend, MemoryStore(10_000, 60), serving, CacheMetrics(CollectorRegistry()), ("fake", "yolo")
    )
    one, two = (Ask(image, ImageHeader("JPEG", 1, 1), NO_PARAMETERS, "x") for image in (b"1", b"2"))

    async def server_of(ask: Ask) -> tuple[str | None, str]:
        answer = await cache.detect(ask)
        return answer.cache, answer.prediction.model_name

    assert [await server_of(one) for _ in range(2)] == [("miss", "blue"), ("hit", "blue")]
    backend.server, revision = "green", 2
    # Nothing is remembered of it, so what is known of the server was not asked anew before this one.
    assert await server_of(two) == ("miss", "green")
    assert await server_of(one) == ("miss", "green"), "what is known is old at once"
    backend.server, revision = "blue", 3
    assert await server_of(two) == ("miss", "blue"), "the other server's answer is not this one's"
    assert await server_of(one) == ("hit", "blue")
    assert [await server_of(two) for _ in range(2)] == [("miss", "blue"), ("hit", "blue")]
