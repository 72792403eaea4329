"""English words for the Chinese texts of the pages.

Chinese is the source and stands in the code; `en/parts/*.po` hold the English, one file a face. `build` joins and compiles
them; a test holds that no text is left without.
"""

import os
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
COMPILED = FOLDER / "en" / "LC_MESSAGES" / "messages.mo"


def parts() -> list[Path]:
    """The files of English texts."""
    return sorted((FOLDER / "en" / "parts").glob("*.po"))


def catalog(*, strict: bool = True) -> Catalog:
    """All English texts. Raises ValueError where two parts translate one text differently; else the first holds."""
    joined = Catalog(locale="en")
    for path in parts():
        with path.open("rb") as file:
            for message in read_po(file, locale="en"):
                if not message.id:
                    continue
                known = joined.get(message.id, message.context)
                if known and known.string and message.string and known.string != message.string:
                    if not strict:
                        continue
                    raise ValueError(f"{path.name}: {message.id!r} is {message.string!r} here and {known.string!r} elsewhere")
                if message.string:
                    joined.add(message.id, message.string, flags=message.flags, context=message.context)
    return joined


def build() -> None:
    """Compiles the English texts where a part is newer than what was compiled. Does nothing in a folder it may not write."""
    newest = max((path.stat().st_mtime for path in parts()), default=0)
    if COMPILED.exists() and COMPILED.stat().st_mtime > newest:
        return
    try:
        COMPILED.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=COMPILED.parent, delete=False) as file:
            write_mo(file, catalog(strict=False))
        os.replace(file.name, COMPILED)
    except PermissionError:
        return
