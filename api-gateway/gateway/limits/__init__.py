"""What bounds callers: rates, work under way, sizes, slowness, other sites' pages."""
