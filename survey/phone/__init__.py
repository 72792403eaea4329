"""FACE: the respondent's pages. No accounts, no cookies, no access log."""

from flask import Blueprint

blueprint = Blueprint("phone", __name__)
