"""The domain: an image, the parameters of a prediction, and what was found. No HTTP and no model server."""
