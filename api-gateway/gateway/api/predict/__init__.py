"""POST /predict and POST /predict/batch: the gateway's own protocol."""
