"""TorchServe as the model server."""
