"""FACE: paper. Print what is ticked by hand, read it back, settle what is not certain, cast it, reckon up.

`geometry` says where things lie on a sheet, `sheet` prints, `reading` reads. `slips`, `poster`, `forms`, `tally_sheet` are
further papers, set by `press`. `printing` makes codes and prints them in the background; `batch` is a pile of sheets read or
keyed, `keying` and `settle` make it certain, `casting` puts it into the box. Reading needs the extra `scan`; nothing else
does, and image and PDF libraries are loaded only when they are used.
"""

from importlib import import_module

from flask import Blueprint

blueprint = Blueprint("paper", __name__, url_prefix="/desk/paper")

for _module in ("home", "documents", "upload", "settle", "keying"):
    import_module(f"{__name__}.{_module}")
