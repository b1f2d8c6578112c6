"""POST /predict and POST /predict/batch."""
