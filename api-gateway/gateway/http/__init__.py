"""HTTP, independent of any route: the layers around all routes, and what they share."""
