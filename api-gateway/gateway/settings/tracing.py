"""The settings of traces, under OpenTelemetry's standard names."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from gateway.settings.urls import base_url

Collector = Annotated[str, AfterValidator(lambda text: text and base_url(text))]
Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class TracingSettings(BaseSettings):
    """A part of :class:`~gateway.settings.Settings`."""

    otel_exporter_otlp_endpoint: Collector = Field(
        default="",
        description="Address of a collector of traces that takes OTLP over HTTP, such as `http://localhost:4318`; "
        "`/v1/traces` is added. Empty: no traces.",
    )
    otel_exporter_otlp_headers: str = Field(
        default="", description="Headers for the collector, as `name=value,…`, such as a key."
    )
    otel_exporter_otlp_headers_file: str = Field(
        default="", description="File with the value of `OTEL_EXPORTER_OTLP_HEADERS`."
    )
    otel_traces_sampler: Sampler = Field(
        default="parentbased_always_on",
        description="Which requests are traced. `parentbased_…`: as the client says in `traceparent`, otherwise as the "
        "rest says; the others ignore the client.",
    )
    otel_traces_sampler_arg: float = Field(
        default=1.0, ge=0, le=1, description="Share of the requests that a sampler with `traceidratio` traces."
    )
    otel_service_name: str = Field(default="api-gateway", min_length=1, description="The gateway's name in traces.")
    otel_resource_attributes: str = Field(
        default="",
        description="Further attributes of every span, as `name=value,…`, such as `deployment.environment.name=test`.",
    )
    otel_bsp_max_queue_size: int = Field(
        default=2048, ge=1, le=65536, description="Spans that wait for the collector. Further ones are dropped."
    )
    otel_bsp_schedule_delay: int = Field(
        default=5000, ge=10, le=60_000, description="Milliseconds after which waiting spans are sent."
    )
