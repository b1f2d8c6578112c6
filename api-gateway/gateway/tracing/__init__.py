"""OpenTelemetry: which trace a request belongs to, and the spans of the gateway and the model server."""
