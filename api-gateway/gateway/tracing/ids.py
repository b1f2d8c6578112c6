"""The ids of traces and spans. Imported only where there is a collector, like the rest of OpenTelemetry's SDK."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from gateway.tracing import sampling


class RequestIds(RandomIdGenerator):
    """Random ids; a request that the sampler has chosen keeps the id that it was chosen by."""

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        return sampling.take_sampled_trace_id() or super().generate_trace_id()
