"""Any server of the Open Inference Protocol as the model server."""
