"""What schemathesis is started with: its settings, and pictures for the bodies that want some."""
