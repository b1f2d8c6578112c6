"""The models of the service: add one, remove one, list them."""
