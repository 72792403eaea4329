"""Words for the coded values the desk shows."""

from flask_babel import get_locale
from flask_babel import gettext as _

from survey import clock, instrument
from survey.box.collection import Collection
from survey.desk import blueprint


def language() -> str:
    """The page's language: zh or en."""
    return str(get_locale() or "zh")[:2]


def role_name(role: str) -> str:
    """A role of an account."""
    texts: dict[str, str] = {
        "office": _("管理办公室"),
        "staff": _("旗县工作人员"),
        "teller": _("计票人"),
        "scrutineer": _("监票人"),
        "assessor": _("考核组"),
        "viewer": _("查看结果"),
    }
    return texts[role]


def position_name(position: str) -> str:
    """A position in a team."""
    texts: dict[str, str] = {"captain": _("队长"), "deputy": _("副队长"), "liaison": _("联络员"), "member": _("成员")}
    return texts.get(position, position)


def level_name(level: str) -> str:
    """A banner's level."""
    texts: dict[str, str] = {"national": _("国家级"), "regional": _("自治区级"), "": ""}
    return texts.get(level, level)


def kind_name(kind: str) -> str:
    """What a collection gathers."""
    texts: dict[str, str] = {"appraisal": _("民主测评"), "opinion": _("民意调查")}
    return texts[kind]


def mode_name(mode: str) -> str:
    """How a collection is reached."""
    texts: dict[str, str] = {"slips": _("测评码"), "link": _("链接")}
    return texts[mode]


def state_name(state: str) -> str:
    """A collection's state."""
    texts: dict[str, str] = {
        "draft": _("筹备中"),
        "open": _("正在投票"),
        "closing": _("已结束投票"),
        "sealed": _("已封箱"),
        "void": _("已作废"),
    }
    return texts[state]


def state_kind(state: str) -> str:
    """The colour of a state's tag."""
    texts: dict[str, str] = {"draft": "", "open": "warn", "closing": "warn", "sealed": "good", "void": "off"}
    return texts[state]


def medium_name(medium: str) -> str:
    """What a slip is used on."""
    texts: dict[str, str] = {"phone": _("手机"), "paper": _("纸票"), "link": _("链接")}
    return texts[medium]


def voice_name(house: Collection, voice: str) -> str:
    """A group of voters, or a kind of respondent, by its id."""
    if not voice:
        return str(_("不分类别"))
    try:
        asked = instrument.from_json(house.form).instrument if house.form else instrument.load(house.instrument)
    except (KeyError, FileNotFoundError, ValueError):
        return voice
    return next((instrument.say(each.text, language()) for each in asked.voices if each.id == voice), voice)


@blueprint.app_context_processor
def _words() -> dict[str, object]:
    return {
        "role_name": role_name,
        "position_name": position_name,
        "level_name": level_name,
        "kind_name": kind_name,
        "mode_name": mode_name,
        "state_name": state_name,
        "state_kind": state_kind,
        "medium_name": medium_name,
        "shown": clock.shown,
    }
