"""HTTP service that serves the payloads of the PostgreSQL extension cell_binary."""

from .app import app

__all__ = ["app"]
