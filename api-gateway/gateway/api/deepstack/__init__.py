"""DeepStack's object detection."""
