"""The active routing, and the statistics and drift of each version, as typed models: a part of GET /models."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.drift.watch import Drift
from gateway.routing.choice import Role, Routing


class ShareOut(BaseModel):
    """A version and the percentage of requests that it gets."""

    version: str = Field(examples=["1.1"])
    percent: float = Field(ge=0, le=100, examples=[10])


class ExperimentOut(BaseModel):
    """Several versions at the same time; the rest goes to the stable one."""

    name: str = Field(examples=["night-model"])
    shares: list[ShareOut]


class RoutingOut(BaseModel):
    """The active routing."""

    revision: int = Field(examples=[17])
    updated: str | None = Field(examples=["2026-11-23T15:00:00Z"])
    stable: str | None = Field(examples=["1.0"])
    canary: ShareOut | None = Field(None, examples=[{"version": "1.1", "percent": 10}])
    experiment: ExperimentOut | None = None
    shadow: ShareOut | None = Field(
        default=None, description="A candidate that receives this part without answering clients"
    )
    server: str | None = Field(default=None, description="The model server in use; null is the default one")
    problem: str | None = Field(default=None, description="Why the routing file is not applied; null while it is")

    @classmethod
    def of(cls, routing: Routing, problem: str | None) -> Self:
        """Describe a routing, without the salts that place clients."""
        bounds = [0, *(arm.upto for arm in routing.arms)]
        shares = [
            ShareOut(version=arm.version, percent=(arm.upto - below) / 100)
            for arm, below in zip(routing.arms, bounds, strict=False)
        ]
        shadow = routing.shadow
        return cls(
            revision=routing.revision,
            updated=routing.updated,
            stable=routing.stable,
            canary=shares[0] if shares and routing.experiment is None else None,
            experiment=ExperimentOut(name=routing.experiment, shares=shares)
            if routing.experiment is not None
            else None,
            shadow=ShareOut(version=shadow.version, percent=round(shadow.share * 100, 4)) if shadow else None,
            server=routing.server,
            problem=problem,
        )


class TrafficOut(BaseModel):
    """Statistics of one version in one role, in this gateway process. Counts are cumulative since `since`."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(examples=["1.1"])
    role: Role = Field(examples=["canary"])
    requests: int = Field(description="Answered, rejected and failed", examples=[1204])
    errors: int = Field(description="Failed because of the model server", examples=[0])
    rejected: int = Field(description="Refused by the model because of the image or a parameter", examples=[3])
    fallbacks: int = Field(description="Requests of its share that the default version answered instead", examples=[0])
    errors_with_fallback: int = Field(
        description="Of `errors` and `fallbacks`: failed by this version, then answered by the default one",
        examples=[0],
    )
    detections: int = Field(description="Objects found", examples=[5210])
    p50_ms: float | None = Field(description="Of the last 1000 answers, as are the next two", examples=[48.1])
    p95_ms: float | None = Field(examples=[83.7])
    detections_mean: float | None = Field(description="Objects per image", examples=[4.33])
    window: int = Field(description="Number of answers that the last three cover", examples=[1000])
    since_revision: int = Field(description="Revision of the routing since which these are counted", examples=[16])
    since: str = Field(examples=["2026-11-23T15:00:00.123Z"])
    compared: int | None = Field(default=None, description="Of a shadow: answers compared with the stable version's")
    missing: int | None = Field(default=None, description="Of a shadow: boxes that only the stable version has")
    extra: int | None = Field(default=None, description="Of a shadow: boxes that only the candidate has")
    moved: int | None = Field(default=None, description="Of a shadow: boxes of both that overlap by less than 0.9")
    skipped: int | None = Field(default=None, description="Of a shadow: images not sent to it because of load")


class DriftOut(BaseModel):
    """How far the last hour of a version is from its baseline, in this gateway process."""

    version: str = Field(examples=["1.0"])
    kept: bool = Field(description="Whether the baseline is stored with the release, or was learned here")
    baseline_images: int = Field(description="Images of the baseline", examples=[1000])
    recent_images: int = Field(description="Images of the last hour that are compared with it", examples=[412])
    indexes: dict[str, float] = Field(
        description="Population stability index by aspect; above 0.25 is far. Empty while there are too few images",
        examples=[{"classes": 0.02, "confidence": 0.31, "detections": 0.05, "pixels": 0.0}],
    )
    baseline: dict[str, Any] | None = Field(default=None, description="The counts, in the answer about one model")

    @classmethod
    def of(cls, drift: Drift, *, whole: bool) -> Self:
        """Describe a drift; ``whole``: with the baseline itself."""
        return cls(
            version=drift.version,
            kept=drift.kept,
            baseline_images=drift.baseline.images,
            recent_images=drift.recent_images,
            indexes={aspect: round(value, 4) for aspect, value in drift.indexes.items()},
            baseline=drift.baseline.to_json() if whole else None,
        )
