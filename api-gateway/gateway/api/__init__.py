"""What the gateway says to clients: a folder per protocol, and what they share."""
