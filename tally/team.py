"""The score of a team: 考核得分=指标考核×30%+日常督查×20%+…+正面加分-负面扣分 (四（七）)."""

from collections.abc import Sequence

from tally import component
from tally.factor import adjusted
from tally.facts import Banner, Facts, Subject
from tally.rulebook import AnyComponent, Ballots, Entered, Letters, OfTeam, OpinionSurvey, Rulebook
from tally.score import Score, joined
from tally.step import Step


def score(facts: Facts, rulebook: Rulebook, banner: Banner, people: Sequence[tuple[str, str, Step]]) -> Score:
    """A banner's team scored; `people` are (position, name, own appraisal) of everyone in it (D-05)."""
    formula = rulebook.formula_of(rulebook.team_sequence)
    team = Subject(banner=banner.banner)
    parts = {name: _component(rulebook.component(name), facts, rulebook, team, people) for name in formula.weights}
    return joined(rulebook, formula, banner.banner, parts, adjusted(facts, rulebook, banner))


def _component(
    part: AnyComponent, facts: Facts, rulebook: Rulebook, team: Subject, people: Sequence[tuple[str, str, Step]]
) -> Step:
    match part:
        case Entered():
            return component.entered(part, facts, rulebook, team)
        case Ballots():
            return component.team_ballots(part, facts, rulebook, team, people)
        case OpinionSurvey():
            return component.team_opinion(part, facts, rulebook, team)
        case Letters():
            return component.letters(part, facts, rulebook, team)
        case OfTeam():
            raise ValueError(f"{part.id}: a team cannot be scored from its own score")
