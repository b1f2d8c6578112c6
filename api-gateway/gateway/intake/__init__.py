"""From a request to the images that it carries or names, and its parameters."""
