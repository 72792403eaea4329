"""The score of a person: 考核得分=督导组考核得分×30%+日常督查×15%+…+正面加分-负面扣分 (四（七）)."""

from tally import component
from tally.component import missing
from tally.factor import adjusted
from tally.facts import Banner, Facts, Person, Subject
from tally.rulebook import AnyComponent, Ballots, Entered, Letters, OfTeam, OpinionSurvey, Rulebook
from tally.score import Score, joined
from tally.step import Label, Rule, Step

_FINAL = Label(zh="本人所在总队的得分（D-01）", en="the score of the person's team (D-01)")
_BASE = Label(zh="本人所在总队不含加减分的得分（D-01）", en="the team's score without bonus and deduction (D-01)")


def score(
    facts: Facts, rulebook: Rulebook, person: Person, banner: Banner, team: Score, appraisal: Step | None
) -> Score:
    """A person scored; `team` is the score of their team, `appraisal` their own ballot step where there is one."""
    formula = rulebook.formula_of(rulebook.sequence(person.position))
    subject = Subject(banner=person.banner, person=person.person)
    parts = {
        name: _component(rulebook.component(name), facts, rulebook, subject, team, appraisal)
        for name in formula.weights
    }
    return joined(rulebook, formula, person.name, parts, adjusted(facts, rulebook, banner, person))


def _component(
    part: AnyComponent, facts: Facts, rulebook: Rulebook, subject: Subject, team: Score, appraisal: Step | None
) -> Step:
    match part:
        case Entered():
            return component.entered(part, facts, rulebook, subject)
        case OfTeam():
            return _of_team(part, facts, rulebook, subject, team)
        case Ballots():
            return appraisal or component.ballots(part, facts, rulebook, subject)
        case OpinionSurvey():
            return component.opinion(part, facts, rulebook, subject)
        case Letters():
            return component.letters(part, facts, rulebook, subject)


def _of_team(part: OfTeam, facts: Facts, rulebook: Rulebook, subject: Subject, team: Score) -> Step:
    """The team's printed score, also when components stay exact; the base needs no ± inputs (D-01)."""
    mode = rulebook.value(part.mode)
    if mode == "entered":
        return component.entered_score(part, part.sources, facts, rulebook, subject)
    source, how = (team.step, _FINAL) if mode == "team_final" else (team.base, _BASE)
    if source.value is None:
        return missing(part, Label(zh="总队的得分有缺项", en="the team's score lacks an input"), [source])
    return Step(
        label=part.label,
        value=source.value,
        how=how,
        rule=Rule.SAME,
        clause=part.clause,
        children=(source,),
        printed=True,
    )
