"""Annotated pictures: what was found, drawn on what was sent."""
