"""Annotated images: the detections, drawn on the image that was sent."""
