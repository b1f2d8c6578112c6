"""The caching detector: the same image and parameters with the same model cost one inference."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from gateway.cache.codec import decode, encode
from gateway.cache.key import cache_key, picture_digest
from gateway.cache.metrics import CacheMetrics
from gateway.cache.serving import Knowledge, Serving
from gateway.cache.stores import Store
from gateway.concurrency.single_flight import Flights, TooManyWaitError
from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer, Ask, Detector
from gateway.model_server.errors import BackendOverloaded

logger = logging.getLogger("gateway.cache")

#: Bytes of an encoded answer above which it is not stored: thousands of polygons.
LARGEST = 1_048_576
#: Look-ups of one request while the served content keeps changing; after them it goes to the model server.
TRIES = 3

Outcome = Literal["hit", "shared", "miss", "bypass"]


class CachingDetector:
    """Answers from ``store`` what ``inner`` has answered before; only successes are stored.

    A stored answer belongs to one content of the model (:class:`~gateway.model_server.base.Served`), and is returned
    only after a check that this content is served now. An answer is stored under the content known *before* the
    request, only if the answer names that version, and only if neither the routing nor the answering server changed
    meanwhile: content that is loaded again has a new name for good, but servers can be switched back and forth. So no
    entry is older than its name, and none comes from another server.
    """

    def __init__(
        self,
        inner: Detector,
        store: Store,
        serving: Serving,
        metrics: CacheMetrics,
        names: tuple[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._store = store
        self._serving = serving
        self._metrics = metrics
        self._backend_name, self._model_name = names
        self._clock = clock
        self._flights: Flights[Answer] = Flights()

    async def detect(self, ask: Ask) -> Answer:
        """Return the stored answer if there is one and the caller accepts it; otherwise ask ``inner``."""
        if ask.no_store:
            return self._counted("bypass", await self._inner.detect(ask))
        started = time.perf_counter()
        digest = await picture_digest(ask.image)
        for _ in range(TRIES):
            known = await self._serving.last_known(ask.version)
            if (served := known.served) is None:
                break
            key = cache_key(digest, ask.parameters, self._backend_name, self._model_name, served)
            if ask.max_age_s == 0:
                answer = await self._inner.detect(ask)
                if self._agrees(ask, known, answer):
                    self._flights.detach(key)  # its answer is older than this one
                    await self._keep(key, answer)
                return self._counted("bypass", answer)
            # A request under way, or an answer not stored yet, is joined instead of looked up.
            flying = key in self._flights
            found = None if flying else await self._look_up(key, ask.max_age_s)
            if (found or key in self._flights) and not await self._serving.is_still_served(ask.version, served):
                continue
            if flying and key not in self._flights:  # it was stored meanwhile
                found = await self._look_up(key, ask.max_age_s)
            self._metrics.seconds.observe(time.perf_counter() - started)
            return self._counted("hit", found) if found else await self._ask(key, ask, known)
        return self._counted("bypass", await self._inner.detect(ask))

    async def aclose(self) -> None:
        """Cancel the work under way. The store, which the models share, stays open."""
        await self._flights.aclose()
        await self._serving.aclose()

    async def _look_up(self, key: str, max_age_s: float | None) -> Answer | None:
        value = await self._store.get(key)
        if value is None:
            return None
        try:
            prediction, made = decode(value)
        except ValueError:
            self._metrics.errors.labels("corrupt").inc()
            logger.warning("a stored answer cannot be read; asking again", extra={"key": key})
            return None
        age_s = max(0.0, self._clock() - made)
        if max_age_s is not None and age_s > max_age_s:
            return None
        return Answer(prediction, age_s=age_s)

    async def _ask(self, key: str, ask: Ask, known: Knowledge) -> Answer:
        try:
            answer, shared = await self._flights.join(
                key,
                lambda: self._inner.detect(ask),
                lambda answer: self._remember(key, ask, known, answer),
            )
        except TooManyWaitError:
            raise BackendOverloaded("too many requests wait for the answer to the same image") from None
        return self._counted("shared", replace(answer, age_s=0.0)) if shared else self._counted("miss", answer)

    async def _remember(self, key: str, ask: Ask, known: Knowledge, answer: Answer) -> None:
        if self._agrees(ask, known, answer) and key in self._flights:  # otherwise there is a newer answer
            await self._keep(key, answer)

    def _agrees(self, ask: Ask, known: Knowledge, answer: Answer) -> bool:
        said = answer.prediction.model_version
        agrees = known.served is not None and said in (None, known.served.version)
        if agrees and self._serving.has_same_hint(known):
            return True
        self._serving.invalidate(ask.version)
        return False

    async def _keep(self, key: str, answer: Answer) -> None:
        if (value := self._written(answer.prediction)) is not None:
            await self._store.set(key, value)

    def _written(self, prediction: Prediction) -> bytes | None:
        try:
            value = encode(prediction, self._clock())
        except (TypeError, ValueError):
            logger.exception("an answer cannot be encoded")
            return None
        return value if len(value) <= LARGEST else None

    def _counted(self, outcome: Outcome, answer: Answer) -> Answer:
        self._metrics.outcomes.labels(outcome).inc()
        return replace(answer, cache="hit" if outcome == "shared" else outcome)
