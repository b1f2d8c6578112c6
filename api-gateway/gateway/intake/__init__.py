"""From a request to a checked picture and its parameters."""
