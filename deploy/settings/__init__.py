"""Writes .env.example, docs/settings.md and the settings in the Compose files; `scripts/settings.sh` runs it."""
