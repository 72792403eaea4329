"""FACE: the office. One module per task area; every route says who may open it."""

from flask import Blueprint

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
