"""How a respondent's page is made: language and size from the address or the form, compressed, never stored.

The pages every voter sees, the empty ballot and the receipt, are rendered and compressed once for a collection, language and
size; what is the voter's own is spliced in afterwards, as stored blocks between compressed ones.
"""

import gzip
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path
from threading import Lock

from babel import Locale, UnknownLocaleError
from flask import Response, current_app, render_template, request
from flask_babel import get_babel
from markupsafe import Markup, escape

from survey import condition
from survey.box.collection import Collection
from survey.instrument import Condition, Form, Part, Question, from_json, say
from survey.phone import blueprint

OWN = "@@own@@"
HTML = ("Content-Type", "text/html; charset=utf-8")
KEEP = ("X-Keep", "1")  # the worker may keep a page that holds no slip
SIZES = ("normal", "large")
SCRIPT = "phone.js"
FOREVER = "public, max-age=31536000, immutable"


def size(house: Collection | None = None) -> str:
    """normal or large: what was asked for, else what the printed code carries."""
    asked = request.args.get("size") or request.form.get("size", "")
    return asked if asked in SIZES else "large" if house and house.large else "normal"


def language() -> str:
    """zh or en, as the app chose it for this page: the language of the buttons."""
    return str(get_babel().locale_selector())


def spoken(house: Collection | None) -> str:
    """The language of the questions: what was asked for, where the collection's form stands in it; else the buttons' own."""
    asked = request.values.get("lang", "")
    return asked if house and house.form and asked in from_json(house.form).languages else language()


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """How a page is shown: the language of the questions, that of the buttons, the letters' size, and whether compressed."""

    spoken: str = "zh"
    language: str = "zh"
    size: str = "normal"
    packed: bool = False


def face(house: Collection) -> Face:
    """The face this request asks for."""
    return Face(spoken=spoken(house), language=language(), size=size(house), packed=_takes_gzip())


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is ready to be sent."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = (HTML,)

    def response(self) -> Response:
        """As a view returns it."""
        return Response(self.body, headers=[*self.headers])


def show(template: str, code: int = 200, /, **values: object) -> Response:
    """A page of this face."""
    house: Collection | None = values.get("house")  # type: ignore[assignment]
    values.setdefault("size", size(house))
    form = from_json(house.form) if house and house.form else None
    return answer(render_template(f"phone/{template}.html", **_tongue(form, spoken(house), language()), **values), code)


def answer(html: str, code: int = 200) -> Response:
    """A page's text as a response, compressed where the browser takes it."""
    body = html.encode()
    response = (_packed(gzip.compress(body, 6, mtime=0)) if _takes_gzip() else Page(body, _PLAIN)).response()
    response.status_code = code
    return response


def _takes_gzip() -> bool:
    return takes_gzip(request.headers.get("Accept-Encoding", ""))


def takes_gzip(accepted: str) -> bool:
    """Whether a browser that sends this Accept-Encoding takes compressed pages."""
    return "gzip" in accepted


_PLAIN = (HTML, ("Vary", "Accept-Encoding"))


def _packed(body: bytes) -> Page:
    return Page(body, (HTML, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")))


# ---- what every voter sees -----------------------------------------------------------------------------------------


class Sum:
    """A shared piece's part in a page's CRC-32. The checksum is affine in what it starts from, so that what a long piece makes of any
    start is told from four small tables."""

    def __init__(self, piece: bytes) -> None:
        self.length = len(piece)
        self._base = zlib.crc32(piece)
        self._tables = [[zlib.crc32(piece, byte << place) ^ self._base for byte in range(256)] for place in (0, 8, 16, 24)]

    def after(self, start: int) -> int:
        """`zlib.crc32(piece, start)`."""
        a, b, c, d = self._tables
        return self._base ^ a[start & 255] ^ b[start >> 8 & 255] ^ c[start >> 16 & 255] ^ d[start >> 24]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all voters' pages have in common: the pieces around what is a voter's own, plain and deflated."""

    plain: tuple[bytes, ...]
    packed: tuple[bytes, ...]

    sums: tuple[Sum, ...]

    def page(self, *own: str, packed: bool) -> Page:
        """The page with a voter's own texts (HTML) in their places."""
        texts = [text.encode() for text in own]
        if packed:
            return _packed(self._gzipped(texts))
        return Page(b"".join(chain.from_iterable(zip_longest(self.plain, texts, fillvalue=b""))), _PLAIN)

    def _gzipped(self, texts: Sequence[bytes]) -> bytes:
        """One gzip member, the voter's own as stored blocks."""
        parts, check, length = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"], 0, 0
        for packed, shared, text in zip(self.packed, self.sums, (*texts, b""), strict=True):
            parts += packed, struct.pack("<BHH", 0, len(text), len(text) ^ 0xFFFF) if text else b"", text
            check, length = zlib.crc32(text, shared.after(check)), length + shared.length + len(text)
        return b"".join((*parts, struct.pack("<II", check, length)))


def _shared(template: str, **values: object) -> Shared:
    """A template rendered once; `OWN` stands where a voter's own text goes."""
    plain = render_template(f"phone/{template}.html", **values).encode().split(OWN.encode())
    packed = []
    for at, piece in enumerate(plain, 1):
        pack = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed.append(pack.compress(piece) + pack.flush(zlib.Z_FINISH if at == len(plain) else zlib.Z_FULL_FLUSH))
    return Shared(tuple(plain), tuple(packed), tuple(Sum(piece) for piece in plain))


def _once(make: Callable[..., Shared]) -> Callable[..., Shared]:
    """A shared page is made once: when a hall begins, all threads want it at the same moment."""
    kept, lock = lru_cache(maxsize=256)(make), Lock()

    def one(*key: Hashable) -> Shared:
        with lock:
            return kept(*key)

    return one


def ballot(house: Collection, face: Face, *, nonce: str, slip: str, voice: str) -> Page:
    """The empty form of an open collection. The same bytes for everyone, but for nonce and slip (BOX.md, step 4)."""
    ask_voice = not voice and bool(from_json(house.form or "").instrument.voices)
    shared = _empty(
        house.collection, house.form or "", house.title, house.mode, face.spoken, face.language, face.size, ask_voice, house.kind,
        house.trial,
    )
    page = shared.page(
        f'<input type="hidden" name="nonce" value="{escape(nonce)}"><input type="hidden" name="slip" value="{escape(slip)}">',
        packed=face.packed,
    )
    return replace(page, headers=(*page.headers, KEEP)) if house.mode == "link" else page


@_once
def _empty(
    collection: str, text: str, title: str, mode: str, spoken: str, language: str, size: str, ask_voice: bool, kind: str, trial: bool
) -> Shared:
    form = from_json(text)
    return _shared(
        "form", collection=collection, form=form, title=title, mode=mode, size=size, ask_voice=ask_voice, kind=kind, trial=trial,
        own=Markup(OWN), fields={}, faults={}, **_tongue(form, spoken, language),
    )  # fmt: skip


def receipt(
    house: Collection, face: Face, *, nonce: str, receipt: str, signature: str | None, text: str, qr: str, root: str
) -> Page:
    """The receipt: no marks, and nothing that says when."""
    shared = _receipt(
        house.collection, house.form or "", house.mode, face.spoken, face.language, face.size, text, root, bool(signature)
    )
    own = [nonce, f"{receipt[:5]}-{receipt[5:]}", qr, *([signature] if signature else [])]
    return shared.page(*(str(escape(each)) for each in own), packed=face.packed)


@_once
def _receipt(
    collection: str, form: str, mode: str, spoken: str, language: str, size: str, text: str, root: str, signed: bool
) -> Shared:
    own = Markup(OWN)
    return _shared(
        "receipt", collection=collection, mode=mode, size=size, text=text, root=root, nonce=own, receipt=own, qr=own,
        signature=own if signed else "", **_tongue(from_json(form) if form else None, spoken, language),
    )  # fmt: skip


def filled(
    house: Collection,
    form: Form,
    *,
    nonce: str,
    slip: str,
    ask_voice: bool,
    faults: Mapping[str, str],
    fields: Mapping[str, Sequence[str]],
) -> Response:
    """The form with what was given, for a return from the check page or after a fault."""
    return show(
        "form", 422 if faults else 200, collection=house.collection, form=form, title=house.title, mode=house.mode, house=house,
        ask_voice=ask_voice, kind=house.kind, trial=house.trial, nonce=nonce, slip=slip, fields=fields, faults=faults,
    )  # fmt: skip


# ---- languages -----------------------------------------------------------------------------------------------------


def _tongue(form: Form | None, spoken: str, language: str) -> dict[str, object]:
    """What a template speaks with. `spoken` is the language of the questions, `interface` of all else; a text that lacks the one
    stands in Chinese, and `lang` marks what is not in the other."""

    def lang(text: Mapping[str, str]) -> Markup:
        return _lang(spoken if text.get(spoken) else "zh", language)

    def in_row(question: Question) -> bool:
        """Whether a question's answers stand in a row of four: four short words."""
        limit = 4 if spoken == "zh" else 12
        return question.kind == "one" and len(question.options) == 4 and all(len(say(o.text, spoken)) <= limit for o in question.options)

    def number(part: Part, question: Question) -> str:
        """The number of a survey's question, as on paper."""
        return form.numbers.get((part.id, question.id), "") if form and form.instrument.kind == "opinion" else ""

    def when(part: Part, conditions: list[Condition | None]) -> str:
        return condition.words(form, part, conditions, partial(say, language=spoken)) if form else ""

    known = dict.fromkeys(("zh", "en", *(form.languages if form else ())))
    return {
        "spoken": spoken, "interface": language, "say": partial(say, language=spoken), "lang": lang, "in_row": in_row,
        "number": number, "when": when,
        "others": [(each, _autonym(each), _lang(each, language)) for each in known if each != spoken], "chinese": _lang("zh", language),
    }  # fmt: skip


def _lang(code: str, around: str) -> Markup:
    """The attributes of words in a language among others."""
    if code == around:
        return Markup("")
    found = _locale(code)
    aside = Markup(' dir="rtl"') if found and found.text_direction == "rtl" else ""
    return Markup(' lang="{}"{}').format("zh-CN" if code == "zh" else code if found else "", aside)


def _autonym(code: str) -> str:
    """What a language calls itself; what the workbook called it, where it is none that is known."""
    found = _locale(code)
    return (found.get_display_name(code) if found else None) or code


@cache
def _locale(code: str) -> Locale | None:
    try:
        return Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return None


# ---- style and script ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _file(path: Path, _changed: float) -> tuple[bytes, str]:
    content = path.read_bytes()
    return gzip.compress(content, 9, mtime=0), sha256(content).hexdigest()[:10]


def packed() -> tuple[bytes, str]:
    """This face's script, compressed, and its fingerprint."""
    path = Path(current_app.static_folder or "") / SCRIPT
    return _file(path, path.stat().st_mtime)


@blueprint.app_template_global()
def script() -> str:
    """The address of this face's script: it changes with the content, so the browser may keep it for good."""
    return f"/{SCRIPT}?{packed()[1]}"


@cache
def _style() -> str:
    return (Path(__file__).parents[2] / "static" / "phone.css").read_text(encoding="utf-8")


@blueprint.app_template_global()
def style() -> Markup:
    """This face's style, inside every page: a slow line waits once for the page, not once more for its look."""
    return Markup(_style())


def style_hash() -> str:
    """What a Content-Security-Policy calls that style."""
    return f"'sha256-{b64encode(sha256(_style().encode()).digest()).decode()}'"
