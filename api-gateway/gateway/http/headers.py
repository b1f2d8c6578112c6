"""The names of the headers that the gateway reads and writes, each one once."""

REQUEST_ID_HEADER = "X-Request-ID"
#: An alternative to ``Authorization``.
API_KEY_HEADER = "X-API-Key"
#: Which version of the model a request asks for, and which one answered.
VERSION_HEADER = "X-Model-Version"
#: Keeps one client with one version while traffic is split.
CLIENT_KEY_HEADER = "X-Client-Key"

#: A request's urgency, RFC 9218: ``u=0`` to ``u=7``, the least urgent; the default is 3.
PRIORITY_HEADER = "Priority"
#: Seconds after which the client no longer waits for the answer.
TIMEOUT_HEADER = "X-Request-Timeout"

CACHE_CONTROL_HEADER = "Cache-Control"
CACHE_STATUS_HEADER = "X-Cache"
AGE_HEADER = "Age"

DETECTIONS_HEADER = "X-Detections"
TIMING_HEADER = "Server-Timing"
#: Length in bytes of the JSON head of an Open Inference Protocol message, before its binary data.
HEAD_LENGTH_HEADER = "Inference-Header-Content-Length"

RATE_LIMIT_HEADER = "RateLimit-Limit"
RATE_REMAINING_HEADER = "RateLimit-Remaining"
RATE_RESET_HEADER = "RateLimit-Reset"
RATE_POLICY_HEADER = "RateLimit-Policy"
