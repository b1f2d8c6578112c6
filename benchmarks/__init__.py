"""Races this stack against other ways to serve the same weights, in one run on one machine; see README.md."""
