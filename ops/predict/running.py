"""Many pictures side by side: read, asked about, written; one that fails is told of and stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from ops.errors import KeyNeededError, NotServingError, from_os_error
from ops.gateways import api_key
from ops.predict import fetching
from ops.predict.asking import ClosedError, Gateway, RefusedError, Reply, UnreachableError
from ops.predict.outputs import Output
from ops.predict.sources import Item, snapshot
from ops.predict.tally import Tally

#: So many pictures in a row without any answer, each after all its tries: the gateway is gone for good.
GIVE_UP_AFTER = 4

Tell = Callable[[str], None]


@dataclass
class Run:
    """One run over all pictures; `tell` gets a line for a person, `moved` is called after each picture."""

    gateway: Gateway
    output: Output
    fetcher: httpx.AsyncClient
    tell: Tell
    moved: Callable[[], None] = lambda: None
    jobs: int = 4
    tally: Tally = field(default_factory=Tally)
    _unanswered: int = 0

    async def go(self, items: AsyncIterator[Item]) -> None:
        """Ask about all of them. Raises OpsError where going on makes no sense; what is written stays."""
        queue: asyncio.Queue[Item | None] = asyncio.Queue(maxsize=self.jobs)

        async def feed() -> None:
            async for item in items:
                await queue.put(item)
            for _ in range(self.jobs):
                await queue.put(None)

        async def work() -> None:
            while (item := await queue.get()) is not None:
                await self._one(item)
                self.moved()

        tasks = [asyncio.create_task(feed()), *(asyncio.create_task(work()) for _ in range(self.jobs))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, item: Item) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            reply = await self.gateway.ask(await fetching.read(item, self.fetcher))
        except ClosedError as error:
            raise KeyNeededError(f"{error} {api_key.MEND}") from error
        except UnreachableError as error:
            self._unanswered += 1
            self._failed(item, str(error))
            if self._unanswered >= GIVE_UP_AFTER:
                raise NotServingError(f"{error}. What is done is kept: run the same command again to go on") from error
        except (RefusedError, fetching.UnreadableError) as error:
            self._unanswered = 0
            self._failed(item, str(error))
        else:
            self._unanswered = 0
            self._keep(item, reply, at)

    def _keep(self, item: Item, reply: Reply, at: str) -> None:
        try:
            self.output.add(item, reply, at)
        except OSError as error:
            # Every further picture would end like this one.
            raise from_os_error(error, f"writing what was found in {item.name}") from error
        self.tally.done += 1
        self.tally.took.append(reply.seconds)
        if reply.body is None:
            self.tally.counted = False
        else:
            self.tally.detections.update(found["class"] for found in reply.body["detections"])

    def _failed(self, item: Item, why: str) -> None:
        self.tally.failed += 1
        self.tell(f"{item.name}: {why}")


async def once(items: Sequence[Item]) -> AsyncIterator[Item]:
    """Give each picture once."""
    for item in items:
        yield item


async def repeatedly(items: Sequence[Item], every_s: float, count: int | None) -> AsyncIterator[Item]:
    """Give a new picture of each camera every so many seconds, `count` times, or for ever.

    Where asking takes longer than that, moments are left out rather than made up for.
    """
    loop = asyncio.get_running_loop()
    started, number = loop.time(), 0
    while count is None or number < count:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
        for item in items:
            yield snapshot(item, moment)
        number += 1
        if count is not None and number >= count:
            return
        late = loop.time() - started
        steps = int(late // every_s) + 1
        await asyncio.sleep(steps * every_s - late)


def parts(items: Sequence[Item], output: Output) -> tuple[list[Item], int]:
    """Return the pictures that are still to be asked about, and how many are done."""
    open_ = [item for item in items if not output.has(item)]
    return open_, len(items) - len(open_)
