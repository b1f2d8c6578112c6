"""``routing.json`` as ops writes it, checked; see :class:`~gateway.routing.choice.Routing` for what becomes of it."""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.routing.choice import BUCKETS, Arm, Routing, ShadowShare

#: One plain segment of a path and of a file name; ops refuses to package others.
VERSION_FORM = r"^[0-9A-Za-z]([0-9A-Za-z_-]|\.[0-9A-Za-z_-])*\.?$"
LONGEST_VERSION = 64

Version = Annotated[str, Field(max_length=LONGEST_VERSION, pattern=VERSION_FORM)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Salt = Annotated[str, Field(max_length=256)]


class InvalidRoutingError(ValueError):
    """The file is not a valid routing; the message says why, without its content."""


class _Part(BaseModel):
    # Keys that a later version of ops adds are no mistake; a wrong type is, and nothing is guessed.
    model_config = ConfigDict(extra="ignore", strict=True)


class CanaryPart(_Part):
    """One candidate and its share of the clients."""

    version: Version
    percent: Percent
    salt: Salt


class ExperimentPart(_Part):
    """Several versions, each with its share; the rest goes to the stable one."""

    name: str = Field(max_length=100)
    shares: dict[Version, Percent] = Field(min_length=1, max_length=16)
    salt: Salt

    @model_validator(mode="after")
    def _at_most_everything(self) -> Self:
        if sum(self.shares.values()) > 100 + 1e-6:
            raise ValueError("the shares come to more than 100 percent")
        return self


class ShadowPart(_Part):
    """A candidate that sees a share of the requests and whose answers reach no client."""

    version: Version
    percent: Percent


class Document(_Part):
    """The whole file, schema 1."""

    schema_: Literal[1] = Field(alias="schema")
    revision: int = Field(ge=0)
    updated: str | None = Field(default=None, max_length=64)
    stable: Version | None = None
    canary: CanaryPart | None = None
    experiment: ExperimentPart | None = None
    shadow: ShadowPart | None = None
    server: Annotated[str, Field(max_length=64)] | None = None
    removed: bool = False

    @model_validator(mode="after")
    def _one_split(self) -> Self:
        if self.canary and self.experiment:
            raise ValueError("a canary and an experiment at the same time")
        return self


def parse(content: bytes, servers: Collection[str] = ()) -> Routing:
    """Read the file's content. ``servers`` are the names that ``server`` may have.

    Raises :class:`InvalidRoutingError`.
    """
    try:
        document = Document.model_validate_json(content)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc'])) or 'the file'}: {p['msg']}" for p in error.errors()[:3])
        raise InvalidRoutingError("; ".join(problems)) from error
    if document.server is not None and document.server not in servers:
        raise InvalidRoutingError(
            f"server: {document.server!r} is not in TORCHSERVE_SERVERS (known: {', '.join(sorted(servers)) or 'none'})"
        )
    shadow = document.shadow
    return Routing(
        revision=document.revision,
        updated=document.updated,
        stable=document.stable,
        arms=_arms(document),
        salt=(document.canary or document.experiment or CanaryPart(version="0", percent=0, salt="")).salt,
        experiment=document.experiment.name if document.experiment else None,
        shadow=ShadowShare(shadow.version, shadow.percent / 100) if shadow else None,
        server=document.server,
        removed=document.removed,
    )


def _arms(document: Document) -> tuple[Arm, ...]:
    if document.canary:
        return (Arm(document.canary.version, "canary", _buckets(document.canary.percent)),)
    if document.experiment is None:
        return ()
    arms, total = [], 0.0
    for version, percent in document.experiment.shares.items():
        total += percent
        arms.append(Arm(version, "experiment", _buckets(total)))
    return tuple(arms)


def _buckets(percent: float) -> int:
    return round(percent * BUCKETS / 100)
