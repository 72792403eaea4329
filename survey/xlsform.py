"""XLSForm in: an opinion survey written as a workbook becomes an instrument, within a documented profile.

Profile. Sheets `survey`, `choices` and, if there is one, `settings` (form_title, form_id, default_language; without form_id
the file's name is the id). Types: select_one, select_multiple, text, integer, decimal, date, note, range in steps of 1,
begin_group/end_group (the label of an inner one is printed as a note), begin_repeat/end_repeat (what stands between is asked
about each person of the team). Columns: type, name, label, hint, required, relevant, constraint, constraint_message,
parameters (of a range: start, end, step), each text also as `label::中文 (zh)`, `label::English (en)`; a text without a language
is in the default language, or in Chinese, which must always be there. Expressions: comparisons of one `${question}` (in a
constraint also `.`) with a number or a quoted text, `selected()`, and/or/not, brackets.

All else is refused with sheet, row and reason; where the extra `xlsform` is installed, pyxform reads the rows too. Blank rows,
columns that XLSForm does not know and those of it that are empty are left aside.
"""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import python_calamine
from flask_babel import gettext as _

from survey.instrument import Condition, Instrument, Option, Part, Question, Text, number

REFUSED = {  # what XLSForm knows and this profile does not; another heading is the office's own, such as a remark
    "calculation", "choice_filter", "default", "trigger", "repeat_count", "read_only", "readonly", "required_message", "guidance_hint", "media",
    "image", "audio", "video", "big-image", "bind", "body", "instance", "save_to", "count", "appearance", "filter", "autoplay", "relevance",
    "constraint message", "constraining message",
}  # fmt: skip
ALIASES = {"list name": "list_name", "value": "name"}
KINDS = {"text": "text", "integer": "integer", "decimal": "decimal", "date": "date", "note": "note", "range": "integer"}
TEXTS = {"label", "hint", "constraint_message"}
SURVEY = TEXTS | {"type", "name", "required", "relevant", "constraint", "parameters"}
CHOICES = {"list_name", "name", "label"}
SETTINGS = {"form_title", "form_id", "default_language"}
LANGUAGES = {"中文": "zh", "汉语": "zh", "chinese": "zh", "english": "en", "英语": "en", "蒙古语": "mn", "mongolian": "mn"}
LANGUAGE = re.compile(r"\(([a-z]{2,3})(?:-[a-z0-9]+)*\)", re.IGNORECASE)  # as in 中文 (zh), 简体中文 (zh-CN)
ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
ROWS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What cannot be taken: sheet, row as Excel counts it (0: the whole sheet), and why."""

    sheet: str
    row: int
    reason: str


class Refused(ValueError):
    """The workbook is outside the profile; all faults at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(f"{f.sheet}:{f.row}: {f.reason}" for f in faults))
        self.faults = faults


def read(content: bytes, name: str = "") -> Instrument:
    """The instrument of a workbook (.xlsx, .xls, .ods); `name` is what the file is called. Raises Refused."""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = {title.strip().lower(): book.get_sheet_by_name(title).to_python(skip_empty_area=False) for title in book.sheet_names}
    except Exception:  # the reader raises many kinds
        raise Refused([Fault(sheet="", row=0, reason=_("打不开，请存成 .xlsx 再试"))]) from None
    return _Reader(sheets).instrument(content, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """A group or repeat that is open: where it began, its heading, when it is shown."""

    row: int
    kind: str
    title: Text
    show_if: Condition | None


class _Reader:
    def __init__(self, sheets: Mapping[str, Sequence[Sequence[object]]]) -> None:
        self.faults: list[Fault] = []
        self.survey = self._rows(sheets, "survey", SURVEY)
        self.choices = self._rows(sheets, "choices", CHOICES)
        settings = self._rows(sheets, "settings", SETTINGS)
        self.settings = settings[0] if settings else (2, {})
        self.default = _language(self.settings[1].get("default_language", "")) or "zh"
        self.options: dict[str, frozenset[str]] = {}  # of the questions read so far
        self.kinds: dict[str, str] = {}  # of the questions read so far: a condition looks back only
        self.of_people: set[str] = set()  # those asked about each person: outside a repeat no condition can name one of them
        self.repeating = False

    def fault(self, sheet: str, row: int, reason: str) -> None:
        self.faults.append(Fault(sheet=sheet, row=row, reason=reason))

    def _rows(
        self, sheets: Mapping[str, Sequence[Sequence[object]]], name: str, columns: set[str]
    ) -> list[tuple[int, dict[str, str]]]:
        table = sheets.get(name, [])
        if not table and name != "settings":
            self.fault(name, 0, _("缺少这张表"))
        if len(table) > ROWS:
            self.fault(name, 0, _("行数太多"))
            return []
        first = next((at for at, line in enumerate(table) if any(_cell(cell) for cell in line)), 0)
        head = [_heading(cell) for cell in table[first]] if table else []
        for each in {each for each in head if each and head.count(each) > 1}:
            self.fault(name, first + 1, _("这一列出现了两次：%(column)s", column=each))
        taken = {each for each in head if _base(each) in columns and ("::" not in each or _base(each) in TEXTS)}
        told: set[str] = set()
        rows = []
        for at, line in enumerate(table[first + 1 :], first + 2):
            cells = {key: _cell(value) for key, value in zip(head, line, strict=False) if key and _cell(value)}
            for key in cells.keys() - taken - told:
                if name != "settings" and (_base(key) in REFUSED | columns):
                    self.fault(name, at, _("不支持这一列：%(column)s", column=key))
                told.add(key)
            if cells := {key: value for key, value in cells.items() if key in taken}:
                rows.append((at, cells))
        return rows

    def text(self, sheet: str, row: int, cells: Mapping[str, str], base: str, *, needed: bool = False) -> Text:
        found: dict[str, str] = {}
        for key, value in sorted(cells.items()):  # a text with its language goes before one without
            if _base(key) == base:
                found[_language(key.partition("::")[2]) or self.default] = value
                if "${" in value:
                    self.fault(sheet, row, _("文字里不能引用答案"))
        if found and "zh" not in found:
            self.fault(sheet, row, _("缺少中文：%(column)s", column=base))
        if needed and not found:
            self.fault(sheet, row, _("缺少文字：%(column)s", column=base))
        return found

    def lists(self) -> dict[str, list[Option]]:
        found: dict[str, list[Option]] = {}
        for row, cells in self.choices:
            name = cells.get("name", "")
            if not ID.fullmatch(name) or not cells.get("list_name"):
                self.fault("choices", row, _("选项编号只能用字母、数字、下划线，且要写明 list_name"))
                continue
            options = found.setdefault(cells["list_name"], [])
            if name in {option.id for option in options} or name == "void":
                self.fault("choices", row, _("选项编号重复或不能用：%(name)s", name=name))
            options.append(Option(id=name, text=self.text("choices", row, cells, "label", needed=True)))
        return found

    def instrument(self, content: bytes, file: str) -> Instrument:
        lists = self.lists()
        parts: list[Part] = []
        questions: list[Question] = []
        groups: list[_Group] = []

        def close(of: _Group | None) -> None:
            if questions:
                parts.append(
                    Part(
                        id=f"part{len(parts) + 1}",
                        scope="person" if self.repeating else "team",
                        title=of.title if of else {},
                        questions=tuple(questions),
                        show_if=of.show_if if of else None,
                    )
                )
                questions.clear()

        for row, cells in self.survey:
            kind = re.sub(r"\b(begin|end)[ _](group|repeat)\b", r"\1_\2", " ".join(cells.get("type", "").split()))
            deed, _sep, what = kind.partition("_")
            if kind in ("begin_group", "begin_repeat"):
                if not groups:
                    close(None)
                    self.repeating = what == "repeat"
                elif what == "repeat":
                    self.fault("survey", row, _("begin_repeat 要放在最外层"))
                shown = self.condition(row, cells.get("relevant", ""), "")
                title = self.text("survey", row, cells, "label")
                if not NAME.fullmatch(cells.get("name", "")):
                    self.fault("survey", row, _("%(begin)s 要有编号 name", begin=kind))
                groups.append(_Group(row=row, kind=what, title=title, show_if=shown))
                if len(groups) > 1 and title:
                    inner = _joined([each.show_if for each in groups[1:]])
                    questions.append(Question(id=f"group{row}", kind="note", text=title, show_if=inner))
            elif kind in ("end_group", "end_repeat"):
                if not groups or groups[-1].kind != what:
                    self.fault("survey", row, _("%(end)s 前面没有相配的 begin_%(what)s", end=kind, what=what))
                    continue
                if len(groups) == 1:
                    close(groups[0])
                    self.repeating = False
                groups.pop()
            elif question := self.question(row, cells, kind, lists, [each.show_if for each in groups[1:]]):
                questions.append(question)
        if groups:
            words = _("begin_%(what)s 没有 end_%(what)s", what=groups[-1].kind)
            self.fault("survey", groups[-1].row, words)
        close(None)
        if not parts and not self.faults:
            self.fault("survey", 0, _("没有题目"))
        row, settings = self.settings
        stem = re.sub(r"\.\w+$", "", file)
        name = settings.get("form_id", "") or (stem if ID.fullmatch(stem) else f"form-{hashlib.sha256(content).hexdigest()[:8]}")
        if not ID.fullmatch(name):
            self.fault("settings", row, _("form_id 只能用字母、数字、下划线和短横，最多40个"))
        if self.faults:
            raise Refused(self.faults)
        read = {"survey": self.survey, "choices": self.choices, "settings": [self.settings]}
        _second_opinion({sheet: [cells for _row, cells in rows] for sheet, rows in read.items()})
        return Instrument(
            id=name,
            kind="opinion",
            title={"zh": settings.get("form_title", "") or stem or name},
            voices_title={},
            voices=(),
            parts=tuple(parts),
        )

    def question(
        self, row: int, cells: Mapping[str, str], kind: str, lists: Mapping[str, list[Option]], around: list[Condition | None]
    ) -> Question | None:
        word, _sep, argument = kind.partition(" ")
        name = cells.get("name", "")
        before = len(self.faults)
        if not kind:
            self.fault("survey", row, _("缺少题型 type"))
        elif word not in KINDS and word not in ("select_one", "select_multiple") or word in KINDS and argument:
            self.fault("survey", row, _("不支持这种题型：%(kind)s", kind=kind))
        elif argument.endswith(" or_other"):
            self.fault("survey", row, _("不支持 or_other，请在选项里加一个“其他”"))
        elif word not in KINDS and argument not in lists:
            self.fault("survey", row, _("choices 里没有这组选项：%(name)s", name=argument))
        if not NAME.fullmatch(name) or name in self.kinds:
            self.fault("survey", row, _("题目编号重复或不能用：%(name)s", name=name))
        if cells.get("required", "").lower() not in ("", "yes", "no", "true", "false", "true()", "false()"):
            self.fault("survey", row, _("required 只能写 yes 或 no"))
        least, most = self.range(row, cells.get("parameters", ""), word)
        show_if = _joined([*around, self.condition(row, cells.get("relevant", ""), "")])
        real = {"select_one": "one", "select_multiple": "many"}.get(word) or KINDS.get(word, "text")
        if real == "text" and self.repeating:
            self.fault("survey", row, _("逐人的部分（begin_repeat）里不能有文字题"))
        self.kinds[name] = real
        if word not in KINDS:
            self.options[name] = frozenset(option.id for option in lists.get(argument, ()))
        if self.repeating:
            self.of_people.add(name)
        found = Question(
            id=name, kind=real, text=self.text("survey", row, cells, "label", needed=True),
            hint=self.text("survey", row, cells, "hint"), options=tuple(lists.get(argument, ())) if word not in KINDS else (),
            required=cells.get("required", "").lower() in ("yes", "true", "true()") and real != "note", show_if=show_if,
            least=least, most=most, constraint=self.condition(row, cells.get("constraint", ""), name),
            constraint_text=self.text("survey", row, cells, "constraint_message"),
        )  # fmt: skip
        return found if len(self.faults) == before else None

    def range(self, row: int, parameters: str, word: str) -> tuple[str | None, str | None]:
        given = dict(re.findall(r"(\w+)\s*=\s*([^\s;,]+)", parameters))
        if parameters and (
            word != "range" or set(given) - {"start", "end", "step"} or any(number(v) is None for v in given.values())
        ):
            self.fault("survey", row, _("parameters 只能给 range 写 start、end、step"))
        if word != "range":
            return None, None
        start, end, step = (number(given.get(name, default)) for name, default in (("start", ""), ("end", ""), ("step", "1")))
        if start is None or end is None:
            self.fault("survey", row, _("range 要写明 start 和 end"))
        elif start >= end or step != 1 or start % 1 or end % 1:
            self.fault("survey", row, _("range 的 start 要小于 end，都是整数，step 是 1"))
        return given.get("start"), given.get("end")

    def condition(self, row: int, text: str, itself: str) -> Condition | None:
        if not text:
            return None
        try:
            kinds = {name: kind for name, kind in self.kinds.items() if self.repeating or name not in self.of_people}
            return _Expression(text, itself, kinds, self.options).whole()
        except ValueError as fault:
            self.fault("survey", row, _("表达式不支持：%(text)s（%(why)s）", text=text, why=str(fault)))
            return None


class _Expression:
    """Comparisons, selected(), and/or/not and brackets; nothing else."""

    TOKEN = re.compile(r"\s*(\$\{\s*\w+\s*\}|'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?|<=|>=|!=|[=<>(),.+-]|\w+)")
    FLIP = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

    def __init__(self, text: str, itself: str, kinds: Mapping[str, str], options: Mapping[str, frozenset[str]]) -> None:
        self.tokens: list[str] = []
        self.itself, self.kinds, self.options = itself, kinds, options
        at = 0
        text = text.strip()
        while at < len(text):
            found = self.TOKEN.match(text, at)
            if not found:
                raise ValueError(text[at : at + 10])
            self.tokens.append(found[1])
            at = found.end()
        if len(self.tokens) > 200:
            raise ValueError(_("太长"))

    def whole(self) -> Condition:
        found = self.either()
        if self.tokens:
            raise ValueError(self.tokens[0])
        return found

    def take(self, expected: str = "") -> str:
        if not self.tokens or (expected and self.tokens[0] != expected):
            raise ValueError(_("缺少 %(what)s", what=expected or "…"))
        return self.tokens.pop(0)

    def either(self) -> Condition:
        found = [self.both()]
        while self.tokens and self.tokens[0] == "or":
            self.take()
            found.append(self.both())
        return found[0] if len(found) == 1 else {"any": found}

    def both(self) -> Condition:
        found = [self.one()]
        while self.tokens and self.tokens[0] == "and":
            self.take()
            found.append(self.one())
        return found[0] if len(found) == 1 else {"all": found}

    def one(self) -> Condition:
        if self.tokens[:1] == ["("]:
            self.take()
            found = self.either()
            self.take(")")
            return found
        if self.tokens[:2] == ["not", "("]:
            self.take()
            return {"not": self.one()}
        if self.tokens[:2] == ["selected", "("]:
            self.take()
            self.take()
            name = self.name()
            self.take(",")
            value = self.option(name, self.value())
            self.take(")")
            return {"q": name, "is": [value]}
        name, sign, value = self.name(), self.take(), ""
        quoted = bool(self.tokens) and self.tokens[0][0] in "'\""
        value = self.value()
        choice = self.kinds.get(name) in ("one", "many")
        if sign in self.FLIP:
            if quoted or choice:
                raise ValueError(_("大小只能和数字比"))
            return {"q": name, self.FLIP[sign]: value}
        if sign not in ("=", "!="):
            raise ValueError(sign)
        if value == "" and quoted:
            same: Condition = {"q": name, "answered": False}
        elif self.kinds.get(name) in ("integer", "decimal") and not quoted:
            same = {"all": [{"q": name, "ge": value}, {"q": name, "le": value}]}
        else:
            same = {"q": name, "is": [self.option(name, value)]}
        return same if sign == "=" else {"not": same}

    def name(self) -> str:
        token = self.take()
        if token == "." and self.itself:
            return self.itself
        name = token[2:-1].strip() if token.startswith("${") else ""
        if name not in self.kinds:
            raise ValueError(_("只能引用前面的题目：%(name)s", name=token))
        if self.kinds[name] in ("text", "note", "date"):
            raise ValueError(_("不能按文字或日期判断：%(name)s", name=name))
        return name

    def option(self, name: str, value: str) -> str:
        if name in self.options and value not in self.options[name]:
            raise ValueError(_("%(name)s 没有选项 %(value)s", name=name, value=value))
        return value

    def value(self) -> str:
        token = self.take()
        if token == "-":
            return "-" + self.value()
        if token[0] in "'\"":
            return token[1:-1]
        if number(token) is None:
            raise ValueError(token)
        return token


def _joined(conditions: list[Condition | None]) -> Condition | None:
    found = [each for each in conditions if each is not None]
    return {"all": found} if len(found) > 1 else found[0] if found else None


def _heading(cell: object) -> str:
    """A column's heading: `label::中文 (zh)` keeps its language as it is written."""
    base, sep, language = (part.strip() for part in str(cell).partition("::"))
    base = " ".join(base.lower().split())
    return f"{ALIASES.get(base, base)}{sep}{language}"


def _base(heading: str) -> str:
    return heading.partition("::")[0]


def _language(text: str) -> str:
    """The code of a language: of 中文 (zh), Chinese, or a name not known here as it is written."""
    found = LANGUAGE.search(text)
    return found[1].lower() if found else LANGUAGES.get(text.strip().lower(), text.strip().lower())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _second_opinion(sheets: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """What pyxform says of the rows, where it is installed."""
    try:
        from pyxform.errors import PyXFormError  # type: ignore[import-untyped]
        from pyxform.xls2xform import convert  # type: ignore[import-untyped]
    except ImportError:
        return
    try:
        convert(xlsform={name: [dict(row) for row in rows] for name, rows in sheets.items()}, validate=False, form_name="form")
    except PyXFormError as fault:
        raise Refused([Fault(sheet="survey", row=0, reason=str(fault))]) from None
