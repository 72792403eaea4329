"""The five example year books come out exactly as they are said to."""

import json
from pathlib import Path

import pytest

from tally.outcome import appraise, as_result
from tests.tally import naive

EXAMPLES = Path(__file__).parent.parent / "examples"
OURS = {"choices", "rules_sha256", "flags", "explanation"}


@pytest.mark.parametrize("name", ["small", "holes", "choices", "cuts", "edges"])
def test_a_year_book_comes_out_as_expected(name, rules):
    result = as_result(appraise(naive.read(EXAMPLES / name, rules), rules))
    rows = {
        sequence: [{key: value for key, value in row.items() if key not in OURS} for row in ranking]
        for sequence, ranking in result["sequences"].items()
    }
    kept = {key: value for key, value in result.items() if key not in OURS} | {"sequences": rows}
    assert kept == json.loads((EXAMPLES / name / "expected.json").read_text(encoding="utf-8"))
