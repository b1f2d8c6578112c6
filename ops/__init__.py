"""The operations behind the scripts: set up, package, start, stop, ask."""
