"""Who races: how an image is sent to each server, and how its answer is read and compared."""
