"""Bounds on what callers can use: rates, predictions at the same time, memory for uploads, slow bodies."""
