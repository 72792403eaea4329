"""What the office's forms share: their guard, their words, a row of boxes."""

from collections.abc import Iterable

from flask import flash
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, SelectMultipleField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

needed = InputRequired(_l("请填写这一项"))
optional = Optional()


def at_most(number: int) -> Length:
    """A text of at most so many characters."""
    return Length(max=number, message=_l("最多%(max)d个字"))


class Form(FlaskForm):  # type: ignore[misc]
    """A form of the desk: guarded against forgery, its numbers and dates told in the page's language."""

    def accept(self, fault: Exception, field: Field | None = None) -> None:
        """Puts a refusal's words where the person looks."""
        if field is None:
            flash(str(fault), "error")
        else:
            field.errors = [*field.errors, str(fault)]


class Boxes(SelectMultipleField):  # type: ignore[misc]
    """Several of a few, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def strip(text: str | None) -> str:
    """A typed text without spaces around it."""
    return (text or "").strip()


def choices(pairs: Iterable[tuple[str, object]]) -> list[SelectChoice]:
    """What a select or radio field offers, from (value, words)."""
    return [SelectChoice(value, words) for value, words in pairs]
