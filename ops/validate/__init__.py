"""Validation: mAP on a labelled set, with Ultralytics' own metrics, of the running service or of an engine."""
