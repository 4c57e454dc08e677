"""Everything between a request and its route: credentials, bodies, responses, limits."""
