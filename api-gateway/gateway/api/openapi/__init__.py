"""The OpenAPI document: what every route has in common, and what stands around them."""
