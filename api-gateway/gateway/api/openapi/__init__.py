"""The OpenAPI document: errors and options of every route, authentication, limits."""
