"""The routes for clients: a folder per protocol, and what the protocols share."""
