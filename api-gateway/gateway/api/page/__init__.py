"""The web page at ``/`` and its files."""
