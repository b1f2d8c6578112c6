"""What several TorchServes say of one model, put together as if one server had said it. Pure functions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.model_server.base import InstanceState, Model, ModelVersion, Readiness, Served


def readiness(found: Sequence[Readiness]) -> Readiness:
    """Return that a prediction can be made if one of them can, with the workers of all and the version of most."""
    if len(found) == 1:
        return found[0]
    ready = [one for one in found if one.ready]
    if not ready:
        reasons = list(dict.fromkeys(one.reason or "no reason was given" for one in found))
        return Readiness(False, f"none of {len(found)} TorchServes is ready: {'; '.join(reasons)}")
    version, _ = Counter(one.version for one in ready).most_common(1)[0]
    workers = [one.workers for one in ready if one.workers is not None]
    return Readiness(True, None, version, sum(workers) if workers else None, max(one.batch_size for one in ready))


def served(found: Sequence[Served | None]) -> Served | None:
    """Return the content that any of them answers with; None if they differ in the version, or one cannot tell.

    The epoch changes with that of each, and when one leaves or comes.
    """
    known = [one for one in found if one is not None]
    if not known or len(known) != len(found) or len({one.version for one in known}) > 1:
        return None
    return Served(known[0].version, " | ".join(sorted(one.epoch for one in known)))


def versions(found: Mapping[str, Sequence[ModelVersion]]) -> list[ModelVersion]:
    """Return every version that one of them has, with the workers of all, from the versions by instance."""
    together: dict[str, ModelVersion] = {}
    for name, described in found.items():
        for one in described:
            tagged = replace(one, workers=[replace(worker, instance=name) for worker in one.workers])
            before = together.get(one.version)
            together[one.version] = tagged if before is None else _added(before, tagged)
    return list(together.values())


def models(found: Mapping[str, Sequence[Model]], states: Sequence[InstanceState]) -> list[Model]:
    """Return the models that one of them has, from the models by instance, with the state of each instance."""
    names = dict.fromkeys(model.name for described in found.values() for model in described)
    by_name = {
        name: versions(
            {
                instance: [version for model in described if model.name == name for version in model.versions]
                for instance, described in found.items()
            }
        )
        for name in names
    }
    return [Model(name, together, states) for name, together in by_name.items()]


def _added(one: ModelVersion, other: ModelVersion) -> ModelVersion:
    return replace(
        one,
        default=one.default or other.default,
        workers=[*one.workers, *other.workers],
        queue_free=_sum(one.queue_free, other.queue_free),
        queue_waiting=_sum(one.queue_waiting, other.queue_waiting),
        details=one.details or other.details,
        unloaded=one.unloaded and other.unloaded,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
