"""The box's tests run on both databases."""

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request, make_app):
    """An app with a context, on each database."""
    app = make_app(request.param)
    with app.app_context():
        yield app
