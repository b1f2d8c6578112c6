"""The model servers that the gateway can stand in front of."""
