"""Checks a published package, with Python's standard library alone: `python verify.py FOLDER [RECEIPT SIGNATURE]`.

The folder holds opening.json, closing.json, receipts.txt, tally.csv and, for scrutineers, fragments.csv and slips.csv.
Everything that can be recomputed is recomputed; what differs is printed, one line each. With a receipt and the signature
under it, these are checked too. Exit status 0: all agrees, 1: something differs. Nothing here is shared with the program
that made the package.
"""

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

USAGE = """核对公布的数据包，只用 Python 自带的标准库：python verify.py 文件夹 [回执号 签名]

文件夹里有 opening.json、closing.json、receipts.txt、tally.csv；给监票人的还有 fragments.csv、slips.csv。
凡能重算的都重算一遍，不一致的每处一行。写上回执号和签名，就连这张回执一起核对。
退出码：0 全部一致，1 有不一致，2 没有写对用法。"""


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
    groups = closing["groups"]
    if sum(groups.values()) != closing["valid"]:
        yield "the groups' ballots do not sum to the valid ones"
    if published and min(groups.values()) < closing["smallest_group"]:
        yield f"a group of fewer than {closing['smallest_group']} ballots is shown"
    for _, _, voice, _ in published:
        if voice not in groups:
            yield f"marks of a group {voice} that has no ballots"
    if (folder / "slips.csv").exists():
        yield from check_slips(table(folder / "slips.csv"), opening, closing)
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


def check_slips(rows: list[dict[str, str]], opening: dict[str, Any], closing: dict[str, Any]) -> Iterator[str]:
    """The slips are those of the opening, or of the last root published after it; as many are spent as was said."""
    issued = [opening["issued_root"], *closing["issued_roots"]][-1]
    if root(leaf(bytes.fromhex(row["slip"]) + compact([row["group"], row["medium"]])) for row in rows) != issued:
        yield "the slips do not give the issued root: one was added, removed or moved to another group"
    if sum(row["state"] == "spent" for row in rows) != closing["spent"]:
        yield "the slips spent and the number published differ"


P = 2**255 - 19  # Ed25519 (RFC 8032), only to check the signature under a receipt
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def point(data: bytes) -> tuple[int, int]:
    """The point of 32 bytes. Raises ValueError where there is none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P:
        raise ValueError("no point")
    return (P - x if x & 1 != sign else x), y


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points."""
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P


def times(number: int, a: tuple[int, int]) -> tuple[int, int]:
    """A point so many times."""
    total = (0, 1)
    while number:
        total, a, number = (add(total, a) if number & 1 else total), add(a, a), number >> 1
    return total


def signed(opening: dict[str, Any], receipt: str, signature: str) -> bool:
    """Whether a receipt's signature, 128 hex digits, is that of the published receipt key."""
    text = f"receipt\0{opening['collection']}\0{receipt}".encode()
    try:
        key, r, s = bytes.fromhex(opening["receipt_key"]), bytes.fromhex(signature[:64]), bytes.fromhex(signature[64:])
        factor = int.from_bytes(s, "little")
        challenge = int.from_bytes(hashlib.sha512(r + key + text).digest(), "little") % Q
        base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
        return len(s) == 32 and factor < Q and times(factor, base) == add(point(r), times(challenge, point(key)))
    except ValueError:
        return False


def check_receipt(folder: Path, receipt: str, signature: str) -> Iterator[str]:
    """What is wrong with a voter's receipt: not ours, or ours and not counted."""
    opening = json.loads((folder / "opening.json").read_text(encoding="utf-8"))
    counted = receipt in (folder / "receipts.txt").read_text(encoding="utf-8").split()
    if not signed(opening, receipt, signature):
        yield f"the signature under {receipt} is not that of this collection's receipt key"
    elif not counted:
        yield f"receipt {receipt} is genuine and not counted"


def main() -> int:
    """Prints what differs; the exit status says whether anything does."""
    if len(sys.argv) not in (2, 4):
        print(__doc__)
        print(USAGE)
        return 2
    differences = list(check(Path(sys.argv[1])))
    if len(sys.argv) == 4:
        differences += check_receipt(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    for each in differences:
        print(each)
    print(f"{len(differences)} differences. 有 {len(differences)} 处不一致。" if differences else "All that was published agrees. 公布的内容全部一致。")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
