"""The servers: their environments, what they serve, and how each is started, measured and stopped."""
