"""FACE: the respondent's pages. No accounts, no cookies, no access log."""

from flask import Blueprint

blueprint = Blueprint("phone", __name__)

from survey.phone import diag, materials, pages, published, worker  # noqa: E402, F401
