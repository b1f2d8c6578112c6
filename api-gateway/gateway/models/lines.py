"""The lines of all models: by name, kept up to date with the names that the model server lists."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from gateway.concurrency.single_flight import Flights
from gateway.concurrency.time_limit import within
from gateway.detection.request import Answer, Ask
from gateway.errors import ModelNotFound, printable
from gateway.model_server.base import TellsModelNames
from gateway.model_server.errors import BackendFault, BackendNotReady
from gateway.models.line import Line
from model_names import fault

logger = logging.getLogger("gateway.models")

INTERVAL_S = 1.0
#: Seconds for which a list counts as new when an unknown name is asked for.
REUSE_S = 0.2
TIMEOUT_S = 1.0


class Lines:
    """A :class:`~gateway.detection.request.Detector` that asks the model that the request names.

    The default model's line stays, whatever the model server lists. ``make`` makes the line of another one, and
    ``is_removed`` tells that one is about to be unloaded, although it is listed still.
    """

    def __init__(
        self,
        default: Line,
        make: Callable[[str], Line],
        is_removed: Callable[[str], bool] = lambda name: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.default = default
        self._make = make
        self._is_removed = is_removed
        self._clock = clock
        self._others: dict[str, Line] = {}
        #: Lines of models that are gone, until their last request is answered.
        self._leaving: dict[str, tuple[Line, asyncio.Task[None]]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._listing: Flights[None] = Flights(most=100_000)
        self._listed = float("-inf")

    def names(self) -> list[str]:
        """Return the names of all models, the default one first."""
        return [self.default.name, *sorted(self._others)]

    def known(self) -> list[Line]:
        """Return all lines in the order of their names."""
        return [self.default, *(self._others[name] for name in sorted(self._others))]

    async def find(self, name: str) -> Line:
        """Return a model's line. A name that is not known yet may just have been loaded: the model server is asked.

        Raises :class:`~gateway.errors.ModelNotFound`.
        """
        line = self._known(name)
        if line is None and self._clock() - self._listed >= REUSE_S:
            await self.refresh()
            line = self._known(name)
        if line is None:
            raise no_such_model(name, self.names())
        return line

    async def detect(self, ask: Ask) -> Answer:
        """Ask the model that the request names."""
        if ask.model is None or ask.model == self.default.name:
            return await self.default.detect(ask)
        line = await self.find(ask.model)
        try:
            return await line.detect(ask)
        except BackendNotReady:
            await self.refresh()
            if self._known(ask.model) is None:  # it was removed less than a second ago
                raise no_such_model(ask.model, self.names()) from None
            raise

    async def refresh(self) -> None:
        """Ask the model server for the names now, once for all callers. A failure changes nothing."""
        await self._listing.join("names", self._list)

    async def run(self) -> None:
        """Keep the lines up to date until cancelled."""
        while isinstance(self.default.backend, TellsModelNames):
            await self.refresh()
            await asyncio.sleep(INTERVAL_S)

    async def aclose(self) -> None:
        """Close every line."""
        await self._listing.aclose()
        lines = self.known()
        for line, task in self._leaving.values():
            task.cancel()
            lines.append(line)
        await asyncio.gather(*(line.aclose() for line in lines))
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _known(self, name: str) -> Line | None:
        return self.default if name == self.default.name else self._others.get(name)

    async def _list(self) -> None:
        backend = self.default.backend
        if not isinstance(backend, TellsModelNames):
            return
        try:
            names = await within(TIMEOUT_S, backend.model_names())
        except (TimeoutError, BackendFault):
            return  # the last list is still the best that is known
        except Exception:
            logger.exception("listing the models failed")
            return
        self._listed = self._clock()
        if names is not None:
            others = {name for name in names if fault(name) is None} - {self.default.name}
            self._follow({name for name in others if not self._is_removed(name)})

    def _follow(self, names: set[str]) -> None:
        for name in sorted(self._others.keys() - names):
            line = self._others.pop(name)
            task = asyncio.create_task(self._leave(line))
            self._leaving[name] = (line, task)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            logger.info("a model is no longer served", extra={"model": name})
        for name in sorted(names - self._others.keys()):
            if name in self._leaving:
                line, task = self._leaving.pop(name)
                task.cancel()
            else:
                line = self._make(name)
                line.start()
            self._others[name] = line
            logger.info("a model is served", extra={"model": name})

    async def _leave(self, line: Line) -> None:
        await line.drained()
        del self._leaving[line.name]
        await line.aclose()


def no_such_model(name: str, names: Iterable[str]) -> ModelNotFound:
    """Return the error for an unknown name; it lists ``names``, those that there are."""
    known = [f"'{known}'" for known in names]
    if not known:
        return ModelNotFound(f"There is no model {printable(name)}.")
    those = f"the served one is {known[0]}" if len(known) == 1 else f"those that are served are {', '.join(known)}"
    return ModelNotFound(f"There is no model {printable(name)}; {those}.")
