"""Checks a published package, with Python's standard library alone: `python verify.py FOLDER`.

The folder holds opening.json, closing.json, receipts.txt, tally.csv and, for scrutineers, fragments.csv. Everything that can be
recomputed is recomputed; what differs is printed, one line each. Exit status 0: all agrees, 1: something differs.
Nothing here is shared with the program that made the package.
"""

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def root(leaves: Iterable[bytes]) -> str:
    """The Merkle root over sorted leaf hashes (RFC 6962: leaf 0x00, node 0x01)."""
    level = sorted(leaves)
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        up = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = up + ([level[-1]] if len(level) % 2 else [])
    return level[0].hex()


def leaf(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def compact(value: object) -> bytes:
    """JSON as it is hashed: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def check(folder: Path) -> Iterator[str]:
    """Yields one sentence for everything that differs."""
    opening = json.loads((folder / "opening.json").read_text(encoding="utf-8"))
    closing = json.loads((folder / "closing.json").read_text(encoding="utf-8"))
    receipts = (folder / "receipts.txt").read_text(encoding="utf-8").split()
    if opening["collection"] != closing["collection"]:
        yield "opening.json and closing.json are of two collections"
    if receipts != sorted(receipts):
        yield "receipts.txt is not sorted"
    for receipt, times in Counter(receipts).items():
        if times > 1:
            yield f"receipt {receipt} stands {times} times"
    if root(leaf(r.encode()) for r in receipts) != closing["receipts_root"]:
        yield "the receipts do not give the published receipts root: one was added, removed or changed"
    if len(receipts) != closing["returned"]:
        yield f"{len(receipts)} receipts, but {closing['returned']} ballots returned"
    if closing["valid"] + closing["spoiled"] != closing["returned"]:
        yield "valid and spoiled ballots do not sum to those returned"
    if closing.get("issued") is not None and closing["returned"] > closing["issued"]:
        yield "more ballots returned than issued: the meeting is void"
    made = sum(row.get(state, 0) for row in opening["slips"] for state in ("unspent", "spent", "void"))
    more = closing["more_slips"]
    ended = sum(row.get(state, 0) for row in closing["slips"] for state in ("unspent", "spent", "void"))
    if made + more != ended:
        yield f"{made} slips at opening and {more} made later, but {ended} at closing"
    spent = sum(row.get("spent", 0) for row in closing["slips"])
    if spent != closing["returned"] + closing["audit"]["entered"] + closing["left_out"]:
        yield f"{spent} slips spent, but {closing['returned']} ballots counted"
    published: dict[tuple[str, ...], int] = {
        (s, q, v, a): n
        for s, questions in closing["tally"].items()
        for q, voices in questions.items()
        for v, answers in voices.items()
        for a, n in answers.items()
    }
    listed = {(r["subject"], r["question"], r["group"], r["answer"]): int(r["count"]) for r in table(folder / "tally.csv")}
    if listed != published:
        yield "tally.csv and the tally in closing.json differ"
    most: Counter[tuple[str, ...]] = Counter()
    for (subject, question, _, answer), number in published.items():
        most[subject, question, answer] += number
    for key, number in most.items():
        if number > closing["valid"]:
            yield f"{'/'.join(key)}: {number} marks in {closing['valid']} valid ballots"
    if (folder / "fragments.csv").exists():
        yield from check_fragments(table(folder / "fragments.csv"), closing, published)


def check_fragments(
    rows: list[dict[str, str]], closing: dict[str, Any], published: dict[tuple[str, ...], int]
) -> Iterator[str]:
    """The same for the fragments, which only scrutineers are given."""
    counted: Counter[tuple[str, ...]] = Counter()
    leaves, seen = [], set()
    for row in rows:
        answers = json.loads(row["answers"])
        salt = bytes.fromhex(row["fragment"])
        if salt in seen:
            yield f"fragment {row['fragment']} stands twice"
        seen.add(salt)
        leaves.append(leaf(salt + compact([row["subject"], row["group"], answers])))
        for question, value in answers.items():
            for answer in [value] if isinstance(value, str) else value:
                counted[row["subject"], question, row["group"], answer] += 1
    if root(leaves) != closing["fragments_root"]:
        yield "the fragments do not give the published fragments root: one was added, removed or changed"
    for key in sorted(set(counted) | set(published)):
        if counted[key] != published.get(key, 0):
            yield f"{'/'.join(key)}: {counted[key]} in the fragments, {published.get(key, 0)} in the tally"
    for subject, number in Counter(row["subject"] for row in rows).items():
        if number > closing["valid"]:
            yield f"{subject}: {number} fragments of {closing['valid']} valid ballots"


def main() -> int:
    """Prints what differs; the exit status says whether anything does."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    differences = list(check(Path(sys.argv[1])))
    for each in differences:
        print(each)
    print(f"{len(differences)} differences" if differences else "All that was published agrees.")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
