"""The components of the measure, one function a kind; each gives a step whose value is what enters the formula.

A component is missing (value None) as soon as one of its inputs is; nothing is ever taken as 0 (D-14).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from tally import count
from tally.facts import Asked, Facts, Subject
from tally.number import half_up, mean, plain, total
from tally.rulebook import Ballots, Component, Entered, Letters, Named, OpinionSurvey, Rulebook, Sheet, Whose
from tally.step import Label, Rule, Step

_ENTERED = Label(zh="录入", en="entered")
_NOT_ENTERED = Label(zh="没有录入", en="not entered")
_OWN = Label(zh="录入的得分", en="the score entered")
_FROM_TEAM = Label(zh="录入的总队得分", en="the score entered for the team")
_SUM = Label(zh="各项得分之和", en="sum of the items")
_UNITS = Label(zh="各村得分的平均", en="mean of the villages")
_TEAM_SHEET = Label(zh="用总队的打分表", en="from the team's sheet")
_ITEMS = Label(zh="各项平均", en="mean of the items")
_PEOPLE = Label(zh="本队有得分的人的平均", en="mean of those of its people who have a score")
_LETTERS = Label(zh="考核员等次分的平均", en="mean of the assessors' letters")
_TRIMMED = Label(zh="去掉一个最高分和一个最低分后的平均", en="mean after dropping one highest and one lowest")
_FALLBACK = Label(
    zh="认识本人的有效答卷不足，用总队的民意得分（D-25）",
    en="too few valid responses of people who know the person: the team's level (D-25)",
)
_COVERED = Label(
    zh="票已计入；票数太少，不列明细（D-27）", en="the marks count; too few of them to be shown (D-27)"
)


_NONE_OF_PEOPLE = Label(
    zh="问卷没有逐人计分的题，用总队的民意得分（D-25）",
    en="no scored question is asked person by person: the team's level (D-25)",
)
_NOT_SCORED = Label(zh="民意调查的问卷没有设定计分", en="the survey's questionnaire has no points set")


def rounded(
    rulebook: Rulebook, part: Component, exact: Fraction, how: Label, rule: Rule, children: Sequence[Step]
) -> Step:
    """A component's step: its figure rounded to two decimals, or kept exact under `round_components` (D-15)."""
    if rulebook.value(rulebook.score.rounding) == "exact":
        return Step(label=part.label, value=exact, how=how, rule=rule, clause=part.clause, children=tuple(children))
    return printed(part.label, exact, how, rule, part.clause, children)


def printed(
    label: Label, exact: Fraction, how: Label, rule: Rule = Rule.GIVEN, clause: str = "", children: Sequence[Step] = ()
) -> Step:
    """A step whose figure is rounded half up to two decimals, with the figure before rounding where it differs."""
    value = half_up(exact)
    return Step(
        label=label,
        value=value,
        how=how,
        rule=rule,
        clause=clause,
        children=tuple(children),
        exact=None if value == exact else exact,
        printed=True,
    )


def missing(part: Component, why: Label | None = None, children: Sequence[Step] = ()) -> Step:
    """A component that is missing: why, and who owes it."""
    because = why or _NOT_ENTERED
    how = Label(
        zh=f"{because.zh}；由{part.owed_by.zh}补",
        en=f"{because.en or because.zh}; owed by {part.owed_by.en or part.owed_by.zh}",
    )
    return Step(label=part.label, value=None, how=how, clause=part.clause, children=tuple(children))


def entered(part: Entered, facts: Facts, rulebook: Rulebook, subject: Subject) -> Step:
    """An entered score, else a complete sheet; the person's own first where the rule file says so (D-11, D-12, D-13).

    A sheet that was begun and lacks an item makes the component missing; nothing further is tried.
    """
    for source in _whose(part.sources, subject):
        own = source == subject
        score = facts.scores.get(source, {}).get(part.id)
        if score is not None:
            return given(rulebook, part, score, own=own)
        units = facts.points.get(source, {}).get(part.sheet) if part.sheet else None
        if units:
            return _from_sheet(rulebook, part, rulebook.sheet(part.sheet), units, own=own)
    return missing(part)


def entered_score(
    part: Component, sources: Sequence[Whose], facts: Facts, rulebook: Rulebook, subject: Subject
) -> Step:
    """A score that can only be entered: for the subject, else for its team, as `sources` says."""
    for source in _whose(sources, subject):
        score = facts.scores.get(source, {}).get(part.id)
        if score is not None:
            return given(rulebook, part, score, own=source == subject)
    return missing(part)


def given(rulebook: Rulebook, part: Component, score: Fraction, *, own: bool) -> Step:
    """A component that was entered."""
    child = Step(label=_ENTERED, value=score, how=_ENTERED)
    return rounded(rulebook, part, score, _OWN if own else _FROM_TEAM, Rule.SAME, [child])


def ballots(part: Ballots, facts: Facts, rulebook: Rulebook, subject: Subject) -> Step:
    """The score of a subject's own marks: the mean of the items, each of the valid marks pooled (D-03, D-04, D-06)."""
    marks = facts.appraisal.get(subject, {})
    scale = count.scale(part.grades, rulebook.numbers(part.points), part.neutral)
    groups = _groups(part, rulebook)
    items = [count.item(each.label, marks.get(each.id, {}), scale, groups) for each in part.items]
    exact = count.mean(items)
    hidden = (subject.banner, "appraisal") in facts.hidden
    if exact is None:
        return missing(part, Label(zh="有项目没有有效票", en="an item without valid marks"), () if hidden else items)
    step = rounded(rulebook, part, exact, _ITEMS, Rule.MEAN, items)
    return _covered(step) if hidden else step


def team_ballots(
    part: Ballots, facts: Facts, rulebook: Rulebook, team: Subject, people: Sequence[tuple[str, str, Step]]
) -> Step:
    """A team's score from its people's printed scores, given as (position, name, step), or from its own row (D-05)."""
    mode = rulebook.value(part.team)
    if mode == "row":
        return ballots(part, facts, rulebook, team)
    wanted = [(name, step) for position, name, step in people if mode in ("people", position)]
    children = [
        printed(Label(zh=name), step.exact or step.value, step.how, step.rule, step.clause, step.children)
        for name, step in wanted
        if step.value is not None
    ]
    if (team.banner, "appraisal") in facts.hidden:
        children = [_covered(step) for step in children]
    values = [step.value for step in children if step.value is not None]
    if not values:
        gap = Label(zh="没有一个人有总结测评得分", en="nobody has an appraisal score")
        return missing(part, gap, [_renamed(step, name) for name, step in wanted])
    return rounded(rulebook, part, mean(values), _PEOPLE, Rule.MEAN, children)


def opinion(part: OpinionSurvey, facts: Facts, rulebook: Rulebook, subject: Subject) -> Step:
    """A person's score from those who know the person, else the team's level (D-25); `fell_back` tells which."""
    hidden = (subject.banner, "opinion") in facts.hidden
    own = _level(part, facts, rulebook, subject, team=False)
    if own is not None:
        exact, items = own
        step = rounded(rulebook, part, exact, _ITEMS, Rule.MEAN, items)
        return _covered(step) if hidden else step
    survey = facts.surveys.get(subject.banner)
    if survey and not survey.questions and not survey.measure:
        return missing(part, _NOT_SCORED)
    least = rulebook.whole(part.min_valid)
    few = Label(
        zh=f"认识本人的有效答卷{_responses(facts, subject)}份，至少要{least}份且各题都有有效回答",
        en=f"{_responses(facts, subject)} valid responses; at least {least} are needed, and an answer to each question",
    )
    if hidden:
        few = Label(
            zh=f"认识本人的有效答卷不够：至少要{least}份且各题都有有效回答",
            en=f"too few valid responses: at least {least} are needed, and an answer to each question",
        )
    fallback = _FALLBACK
    if not any(_questions(part, facts, subject, team=False)):
        few, fallback = Label(zh="问卷没有逐人计分的题", en="no scored question is asked person by person"), _NONE_OF_PEOPLE
    if rulebook.value(part.fallback) != "team":
        return missing(part, few)
    level = _level(part, facts, rulebook, Subject(banner=subject.banner), team=True)
    if level is None:
        gap = Label(zh=f"{few.zh}；总队的题也没有都答", en=f"{few.en}; nor has each question about the team an answer")
        return missing(part, gap)
    exact, items = level
    step = rounded(rulebook, part, exact, fallback, Rule.MEAN, items)
    return _covered(step, fallback) if hidden else step


def team_opinion(part: OpinionSurvey, facts: Facts, rulebook: Rulebook, team: Subject) -> Step:
    """The level of a team, the mean of the questions about it: for reports, and for measures that score it."""
    level = _level(part, facts, rulebook, team, team=True)
    if level is None:
        survey = facts.surveys.get(team.banner)
        unset = survey is not None and not survey.questions and not survey.measure
        return missing(part, _NOT_SCORED if unset else Label(zh="有题没有有效回答", en="a question without valid answers"))
    exact, items = level
    step = rounded(rulebook, part, exact, _ITEMS, Rule.MEAN, items)
    return _covered(step) if (team.banner, "opinion") in facts.hidden else step


def fell_back(step: Step) -> bool:
    """Whether an opinion step used the team's level (D-25)."""
    return step.how in (_FALLBACK, _NONE_OF_PEOPLE)


def letters(part: Letters, facts: Facts, rulebook: Rulebook, subject: Subject) -> Step:
    """The mean of the assessors' letters, when there are enough of them (D-09)."""
    marks = facts.grades.get(subject, {})
    worth = {each.id: each.points for each in part.letters}
    least = rulebook.whole(part.least)
    if len(marks) < least:
        few = Label(
            zh=f"考核员{len(marks)}人，至少要{least}人", en=f"{len(marks)} assessors; at least {least} are needed"
        )
        return missing(part, few)
    ordered = sorted(marks.items(), key=lambda mark: (-worth[mark[1]], mark[0]))
    trim = rulebook.value(part.trim) == "yes" and len(ordered) > part.trim_over
    kept = ordered[1:-1] if trim else ordered
    children = [
        Step(label=Label(zh=assessor), value=worth[letter], how=Label(zh=letter, en=letter), clause=part.clause)
        for assessor, letter in kept
    ]
    exact = mean([worth[letter] for _, letter in kept])
    return rounded(rulebook, part, exact, _TRIMMED if trim else _LETTERS, Rule.MEAN, children)


def _whose(sources: Sequence[Whose], subject: Subject) -> list[Subject]:
    """The subjects whose figures count, in order, each once."""
    team = Subject(banner=subject.banner)
    return list(dict.fromkeys(subject if source == "own" else team for source in sources))


def _from_sheet(
    rulebook: Rulebook, part: Entered, sheet: Sheet, units: Mapping[str, Mapping[str, Fraction]], *, own: bool
) -> Step:
    most = {each.id: plain(each.max) for each in sheet.items}
    hows = {name: Label(zh=f"录入，满分{points}", en=f"entered, of {points}") for name, points in most.items()}
    steps = [_unit(sheet, unit, units[unit], hows) for unit in sorted(units)]
    if any(step.value is None for step in steps):
        gap = Label(zh=f"{sheet.label.zh}表没有填全", en=f"the sheet {sheet.label.en} is not complete")
        return missing(part, gap, steps)
    values = [step.value for step in steps if step.value is not None]
    exact = mean(values)
    if sheet.per_unit:
        how = _UNITS if own else Label(zh=f"{_TEAM_SHEET.zh}，{_UNITS.zh}", en=f"{_TEAM_SHEET.en}, {_UNITS.en}")
        return rounded(rulebook, part, exact, how, Rule.MEAN, steps)
    return rounded(rulebook, part, exact, _SUM if own else _TEAM_SHEET, Rule.SUM, steps[0].children)


def _unit(sheet: Sheet, unit: str, points: Mapping[str, Fraction], hows: Mapping[str, Label]) -> Step:
    children = tuple(
        Step(
            label=each.label,
            value=points.get(each.id),
            how=hows[each.id] if each.id in points else _NOT_ENTERED,
            clause=sheet.clause,
        )
        for each in sheet.items
    )
    whole = all(each.id in points for each in sheet.items)
    value = total(points[each.id] for each in sheet.items) if whole else None
    return Step(label=Label(zh=unit) if unit else sheet.label, value=value, how=_SUM, rule=Rule.SUM, children=children)


def _level(
    part: OpinionSurvey, facts: Facts, rulebook: Rulebook, subject: Subject, *, team: bool
) -> tuple[Fraction, list[Step]] | None:
    """The mean of the questions about a subject with their steps; None when it cannot be had."""
    survey = facts.opinion.get(subject)
    if survey is None or (not team and survey.valid_responses < rulebook.whole(part.min_valid)):
        return None
    scale = count.scale(part.answers, rulebook.numbers(part.points), part.neutral)
    measured, own = _questions(part, facts, subject, team=team)
    items = [count.item(each.label, survey.marks.get(each.id, {}), scale) for each in measured]
    items += [count.asked(each, survey.marks.get(each.id, {}).get("", {})) for each in own]
    exact = count.mean(items)
    return None if exact is None else (exact, items)


def _questions(
    part: OpinionSurvey, facts: Facts, subject: Subject, *, team: bool
) -> tuple[tuple[Named, ...], tuple[Asked, ...]]:
    """The measure's questions about a subject, and those of the office's own questionnaires that its banner was asked."""
    survey = facts.surveys.get(subject.banner)
    measured = part.team_questions if team else part.person_questions
    if survey is None:
        return measured, ()
    own = tuple(each for each in survey.questions if each.of == ("team" if team else "person"))
    return measured if survey.measure else (), own


def _responses(facts: Facts, subject: Subject) -> int:
    survey = facts.opinion.get(subject)
    return survey.valid_responses if survey else 0


def _groups(part: Ballots, rulebook: Rulebook) -> count.Groups | None:
    weights = rulebook.numbers(part.group_weights)
    if not weights:
        return None
    names = [each.id for each in part.groups]
    smallest = rulebook.whole(part.smallest_group)
    return count.Groups(names=part.groups, weights=dict(zip(names, weights, strict=True)), smallest=smallest)


def _covered(step: Step, how: Label = _COVERED) -> Step:
    """A component whose counts are not shown (D-27): its printed score alone, without what it was reckoned from."""
    return replace(step, how=how, rule=Rule.GIVEN, children=(), exact=None, printed=True)


def _renamed(step: Step, name: str) -> Step:
    return Step(label=Label(zh=name), value=step.value, how=step.how, clause=step.clause, children=step.children)
