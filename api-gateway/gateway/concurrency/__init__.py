"""Sharing identical work, deferring work, and pausing calls to a service that fails."""
