"""A condition in words, for a person whose page runs no script: 仅当第 1 题没选“不知道”，才填写。"""

from collections.abc import Callable

from flask_babel import gettext as _

from survey.instrument import Condition, Form, Part, Question, Text

Say = Callable[[Text], str]


def words(form: Form, part: Part, conditions: list[Condition | None], say: Say) -> str:
    """When a question, or a whole part, is to be answered; "" for always. Questions are called by the number they bear."""
    found = [each for each in conditions if each is not None]
    if not found:
        return ""
    return _("仅当%(condition)s，才填写。", condition=_clause(form, part, found[0] if len(found) == 1 else {"all": found}, say))


def _clause(form: Form, part: Part, condition: Condition, say: Say, *, inside: bool = False) -> str:
    if each := _equal(condition):
        return _("%(question)s等于 %(number)s", question=_called(form, part, each, say), number=each["ge"])
    for key, joint in (("all", _("，并且")), ("any", _("，或者"))):
        if key in condition:
            clauses = joint.join(_clause(form, part, each, say, inside=True) for each in condition[key])  # type: ignore[attr-defined]
            return _("（%(clauses)s）", clauses=clauses) if inside else clauses
    if "not" in condition:
        inner: Condition = condition["not"]  # type: ignore[assignment]
        if "is" in inner:
            return _("%(question)s没选%(options)s", question=_called(form, part, inner, say), options=_options(form, part, inner, say))
        return _("并非%(clause)s", clause=_clause(form, part, inner, say, inside=True))
    question = _called(form, part, condition, say)
    if "is" in condition:
        return _("%(question)s选了%(options)s", question=question, options=_options(form, part, condition, say))
    if "answered" in condition:
        return _("%(question)s答了", question=question) if condition["answered"] else _("%(question)s没有答", question=question)
    sign, number = next((sign, condition[sign]) for sign in ("lt", "le", "gt", "ge") if sign in condition)
    return {
        "lt": _("%(question)s小于 %(number)s", question=question, number=number),
        "le": _("%(question)s不大于 %(number)s", question=question, number=number),
        "gt": _("%(question)s大于 %(number)s", question=question, number=number),
        "ge": _("%(question)s不小于 %(number)s", question=question, number=number),
    }[sign]


def _equal(condition: Condition) -> Condition | None:
    """The two comparisons of a number with itself, as a workbook's `=` becomes; they read as one."""
    pair = condition.get("all")
    if isinstance(pair, list | tuple) and len(pair) == 2 and "ge" in pair[0] and pair[1] == {"q": pair[0]["q"], "le": pair[0]["ge"]}:
        found: Condition = pair[0]
        return found
    return None


def _asked(form: Form, part: Part, condition: Condition) -> tuple[Part, Question]:
    """The question a condition looks at: of the same part before any other (`instrument.holds`)."""
    parts = (part, *(each for each in form.instrument.parts if each is not part))
    return next((each, q) for each in parts for q in each.questions if q.id == condition["q"])


def _called(form: Form, part: Part, condition: Condition, say: Say) -> str:
    where, question = _asked(form, part, condition)
    number = form.numbers.get((where.id, question.id))
    return _("第 %(number)s 题", number=number) if number else _("“%(text)s”一题", text=say(question.text))


def _options(form: Form, part: Part, condition: Condition, say: Say) -> str:
    texts = {option.id: say(option.text) for option in _asked(form, part, condition)[1].options}
    return _("或").join(_("“%(text)s”", text=texts.get(str(each), str(each))) for each in condition["is"])  # type: ignore[attr-defined]
