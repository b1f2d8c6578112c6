"""Single flight, deferred work, and a circuit breaker."""
