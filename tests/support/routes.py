"""The routes of the API, by who calls them."""

from __future__ import annotations

from inbox.openapi.document import PAGES
from inbox.routes import API_ROUTES

HEALTH = [route for route in API_ROUTES if route.path in ("/health", "/ready")]
BROWSER_SIDE = [route for route in API_ROUTES if route.path.startswith(PAGES)]
SERVER_SIDE = [route for route in API_ROUTES if route not in [*HEALTH, *BROWSER_SIDE]]
