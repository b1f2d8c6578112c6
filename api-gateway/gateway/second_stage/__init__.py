"""The second stage: what one model has found is cut out of the image and given to another model."""
