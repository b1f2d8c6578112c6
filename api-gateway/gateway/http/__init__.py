"""HTTP itself, whatever is answered: the layers around every route, and what they share."""
