"""The load generator: a process of its own that sends images and measures the answers."""
