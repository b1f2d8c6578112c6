"""What the model server says of several models."""

from collections.abc import Sequence

from gateway.concurrency.bounded import run_bounded
from gateway.model_server.base import Model
from gateway.model_server.errors import BackendFault
from gateway.models.line import Line

#: Models that are described at a time.
AT_ONCE = 4


async def describe_all(lines: Sequence[Line], default: Line) -> list[Model]:
    """Describe these models in order. One that cannot be described is left out: it was unloaded a moment ago, or fails.

    If it is the ``default`` one, the fault is raised.
    """
    described: dict[str, Sequence[Model]] = {}
    if default in lines:
        described[default.name] = await default.backend.models()
    others = [line for line in lines if line is not default]

    async def describe(line: Line) -> None:
        try:
            described[line.name] = await line.backend.models()
        except BackendFault:
            described[line.name] = ()

    await run_bounded(describe, others, min(AT_ONCE, len(others)))
    return [model for line in lines for model in described[line.name]]
