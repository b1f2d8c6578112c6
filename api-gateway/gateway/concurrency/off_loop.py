"""Computation that takes longer than the event loop may wait, in a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: One thread: this work holds Python's lock, so a second one would make nothing faster, and each would let the event
#: loop wait for its turn.
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="off-loop")


async def run_off_loop(compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``compute(*args)``, computed after what others asked for before."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, lambda: compute(*args, **kwargs))
