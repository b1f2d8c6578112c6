"""The trace that a request belongs to, and what the worker tells its caller for it."""
