"""How work at the same moment is shared, deferred, and kept from what is out of order."""
