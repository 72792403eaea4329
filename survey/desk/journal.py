"""The journal's page: who did what, before and after; a filter, an export, and whether the chain holds."""

import io
import json
from collections.abc import Mapping, Sequence

import xlsxwriter
from flask import Response, render_template, request, send_file
from flask_babel import gettext as _
from sqlalchemy import Connection, select

from survey import clock, db
from survey import journal as journals
from survey.access import allowed
from survey.desk import blueprint, words
from survey.journal import Entry
from survey.schema import collection, person

PAGE = 100


@blueprint.get("/journal")
@allowed("office")
def journal() -> str:
    """The newest entries, further back by a link; narrowed by account, deed or subject."""
    wanted = {key: request.args.get(key, "").strip() for key in ("account", "deed", "subject")}
    before = request.args.get("before", type=int)
    with db.reading() as connection:
        found = journals.entries(connection, limit=PAGE + 1, before=before, **wanted)
        broken, (count, head) = journals.verify(connection), journals.head(connection)
        names = subject_names(connection, found)
    return render_template(
        "desk/journal.html",
        entries=found[:PAGE],
        more=found[PAGE - 1].entry if len(found) > PAGE else None,
        wanted=wanted,
        broken=broken,
        count=count,
        head=head,
        deed_name=deed_name,
        deeds=deed_names(),
        lines=lines,
        names=names,
    )


def subject_names(connection: Connection, entries: Sequence[Entry]) -> dict[str, str]:
    """What codes in the entries' subjects stand for, by subject: a meeting's title, a person's name. What is gone keeps its code."""
    subjects = {each.subject: each.subject.split() for each in entries}
    parts = sorted({part for each in subjects.values() for part in each})
    titles = dict(connection.execute(select(collection.c.collection, collection.c.title).where(collection.c.collection.in_(parts))).tuples().all())
    people = connection.execute(select(person.c.cycle, person.c.person, person.c.name).where(person.c.person.in_(parts)))
    called = {(str(row.cycle), row.person): row.name for row in people}
    named = {text: " ".join(titles.get(part) or called.get((each[0], part)) or part for part in each) for text, each in subjects.items()}
    return {text: name for text, name in named.items() if name != text}


@blueprint.get("/journal.xlsx")
@allowed("office")
def export_journal() -> Response:
    """The whole journal as a workbook, as it is stored, so that its chain can be reckoned again; every cell is text, so that no formula can run."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book, db.reading() as connection:
        sheet = book.add_worksheet(_("日志"))
        heads = (_("序号"), _("时间（UTC）"), _("账号"), _("事项"), _("对象"), _("内容"), _("校验值"))
        for column, text in enumerate(heads):
            sheet.write_string(0, column, text, book.add_format({"bold": True}))
        for at, (entry, digest) in enumerate(journals.chained(connection), start=1):
            sheet.write_number(at, 0, entry.entry)
            cells = (entry.at, entry.account, entry.deed, entry.subject, json.dumps(entry.detail, ensure_ascii=False), digest)
            for column, text in enumerate(cells, start=1):
                sheet.write_string(at, column, text[:32_000])
        sheet.freeze_panes(1, 0)
        sheet.set_column(1, 6, 24)
    stream.seek(0)
    return send_file(stream, download_name="journal.xlsx", as_attachment=True)


def deed_name(deed: str) -> str:
    """A deed in words; one not known here as it is written."""
    return deed_names().get(deed, deed)


def deed_names() -> dict[str, str]:
    """Deeds in words, as the filter offers them."""
    return {
        "account.create": _("建账号"),
        "account.change": _("改账号"),
        "account.reset": _("重置账号"),
        "account.password": _("设密码"),
        "account.sign_in": _("登录"),
        "cycle.create": _("新建年度"),
        "cycle.change": _("改办法的选择"),
        "banner.put": _("录入旗县"),
        "banner.remove": _("删去旗县"),
        "village.put": _("录入嘎查村"),
        "person.put": _("录入人员"),
        "person.remove": _("删去人员"),
        "collection.draft": _("新建会议或调查"),
        "collection.change": _("改会议或调查"),
        "collection.figures": _("填写人数和票数"),
        "collection.officers": _("指定计票人监票人"),
        "collection.open": _("开箱"),
        "collection.announce": _("宣布结束时间"),
        "collection.close": _("结束投票"),
        "collection.seal": _("封箱"),
        "collection.void": _("作废"),
        "collection.purge": _("清除试投"),
        "slip.print": _("打印测评码"),
        "slip.download": _("下载打印件"),
        "slip.replace": _("换损坏的测评码"),
        "slip.exchange": _("手机码换纸票"),
        "score.enter": _("录入分数"),
        "point.enter": _("录入分项打分"),
        "rate.enter": _("录入率值"),
        "grade.enter": _("录入等次"),
        "factor.enter": _("录入加减分"),
        "days.enter": _("录入天数"),
        "rank.enter": _("录入排名"),
        "grade.decide": _("决定等次"),
        "wording.put": _("写文件内容"),
        "assessor.put": _("登记考核员"),
        "draw.make": _("抽取嘎查村"),
        "year.import": _("导入年度工作簿"),
        "material.add": _("上传材料"),
        "material.remove": _("删去材料"),
        "questionnaire.add": _("上传问卷"),
        "questionnaire.score": _("设定问卷计分"),
        "paper.read": _("读纸票"),
        "paper.cast": _("纸票投进票箱"),
        "paper.discard": _("丢弃一批纸票"),
        "paper.unseal": _("打开封存的原件"),
        "backup.save": _("备份"),
        "backup.load": _("恢复备份"),
    }


def key_name(key: str) -> str:
    """What a detail is about, in words; one not known here as it is written."""
    texts: dict[str, str] = {
        "name": _("姓名"),
        "title": _("名称"),
        "banner": _("旗县"),
        "roles": _("职责"),
        "disabled": _("停用"),
        "league": _("盟市"),
        "level": _("级别"),
        "poverty_rank": _("排名"),
        "position": _("职务"),
        "unit": _("派出单位"),
        "days": _("派驻天数"),
        "assigned_days": _("应派驻"),
        "kind": _("收集什么"),
        "mode": _("怎样进入"),
        "trial": _("试投"),
        "place": _("地点"),
        "held_on": _("会议日期"),
        "delivered_on": _("述职材料送达日期"),
        "teller": _("计票人"),
        "scrutineer": _("监票人"),
        "expected": _("应到"),
        "present": _("实到"),
        "issued": _("发出"),
        "reason": _("原因"),
        "reasons": _("原因"),
        "measure": _("考核办法"),
        "choices": _("办法的选择"),
        "ranked_total": _("参加排名总数"),
        "returned": _("收回"),
        "valid": _("有效"),
        "audit_slips": _("监票人验证票张数"),
        "large": _("手机上先用大字版"),
        "medium": _("方式"),
        "counts": _("张数"),
        "voided": _("作废"),
        "sheets": _("张数"),
        "outcomes": _("结果"),
        "cast": _("计入"),
        "scans": _("扫描件"),
        "files": _("文件数"),
        "job": _("任务"),
        "batch": _("批次"),
        "person": _("人员"),
        "bytes": _("字节"),
        "rows": _("行数"),
        "replace": _("替换原有数据"),
        "grade": _("等次"),
        "approver": _("批准人"),
        "made_at": _("备份时间"),
        "closes_at": _("结束时间"),
        "announced": _("预先公布"),
        "seed": _("种子"),
        "algorithm": _("算法"),
        "fragments_root": _("校验根"),
        "totals": _("点数人"),
        "spoiled": _("废票"),
        "check": _("检查"),
        "materials": _("述职材料"),
    }
    return texts.get(key, key)


def lines(entry: Entry) -> list[tuple[str, str]]:
    """An entry's detail as (what, text): before and after only where they differ, the rest as it is."""
    detail = dict(entry.detail)
    before, after = detail.pop("before", None), detail.pop("after", None)
    found: list[tuple[str, str]] = []
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        old, new = before if isinstance(before, Mapping) else {}, after if isinstance(after, Mapping) else {}
        found += [
            (key_name(key), f"{_said(key, old.get(key))} → {_said(key, new.get(key))}")
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
    elif before is not None or after is not None:
        found.append(("", f"{_said('', before)} → {_said('', after)}"))
    return found + [(key_name(key), _said(key, value)) for key, value in sorted(detail.items()) if value not in (None, "", [], {})]


def _said(key: str, value: object) -> str:
    """A value in words; `key` is what it is of."""
    if value in (None, "", [], {}):
        return str(_("（空）"))
    if isinstance(value, bool):
        return str(_("是") if value else _("否"))
    if isinstance(value, Mapping):
        return _("；").join(f"{key_name(name)} {_said(name, each)}" for name, each in value.items())
    if isinstance(value, list):
        return _("、").join(_said(key, each) for each in value)
    return value_name(key, value) if isinstance(value, str) else json.dumps(value)


def value_name(key: str, value: str) -> str:
    """A coded value in words; a text that somebody wrote as it is."""
    if key in ("closes_at", "made_at"):
        return clock.shown(value)
    if key == "roles":
        return words.role_name(value)
    if key == "position":
        return words.position_name(value)
    if key == "level":
        return words.level_name(value)
    texts: dict[str, dict[str, str]] = {
        "kind": {"appraisal": _("民主测评"), "opinion": _("民意调查"), "scan": _("识读"), "keyed": _("纸票录入")},
        "mode": {"slips": _("测评码"), "link": _("链接")},
        "medium": {"phone": _("手机"), "paper": _("纸票"), "link": _("链接")},
        "scans": {"sealed": _("封存"), "destroyed": _("已销毁")},
    }
    return texts.get(key, {}).get(value, value)
