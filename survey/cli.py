"""The flask commands."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the command groups to the app."""
