"""inbox: a self-hosted, real-time in-app notification inbox."""

__version__ = "0.1.0"
