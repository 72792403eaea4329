"""One team and one person explained in full, kept as files for a person to read again when they change.

After a wanted change: `python -m tests.tally.test_golden` writes them anew; read the difference before it is kept.
"""

from pathlib import Path

import pytest

from tally import rulebook, step
from tally.facts import Subject
from tally.outcome import appraise
from tests.tally import naive

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SUBJECTS = {
    "team": ("holes", Subject(banner="秋沙县")),
    "person": ("small", Subject(banner="天松旗", person="P0001")),
    "missing": ("edges", Subject(banner="示例14旗", person="P14a")),
    "groups": ("choices", Subject(banner="清川旗", person="P0006")),
}


def explained(name: str, rules: rulebook.Rulebook, language: str) -> str:
    example, subject = SUBJECTS[name]
    outcome = appraise(naive.read(HERE.parent / "examples" / example, rules), rules)
    return step.text(outcome.explain(subject), language=language)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_an_explanation_reads_as_it_was_agreed(name, language, rules):
    assert explained(name, rules, language) == (GOLDEN / f"{name}.{language}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    measure = rulebook.load((HERE.parent.parent / "tally/rules/neimenggu-2018.toml").read_text(encoding="utf-8"))
    for each in SUBJECTS:
        for language in ("zh", "en"):
            (GOLDEN / f"{each}.{language}.txt").write_text(explained(each, measure, language), encoding="utf-8")
