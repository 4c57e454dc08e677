"""The OpenAPI document, made from the routes and the types that they read and answer."""
