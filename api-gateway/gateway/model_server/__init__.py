"""The model servers that the gateway can use, one folder per kind, and what they share."""
