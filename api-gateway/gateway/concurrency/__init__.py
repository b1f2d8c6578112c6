"""Single flight, deferred work, computation off the event loop, and a circuit breaker."""
