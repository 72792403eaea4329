"""Reads simulated paper and counts what went wrong, by way of capture and by kind of mark.

    python bench/paper_read.py --questions 60000 --seed 1 --awkward 0.12

Goals: wrong-and-certain ≤ 0.5 in 10,000; to a person ≤ 3 % (≤ 6 % with 12 % awkward marks); every corrected and
double mark to a person; refused ≤ 0.5 % of scans and photos; ≤ 150 ms of CPU a page. The paper is simulated.
"""

import argparse
import sys
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import paper_simulate as simulate  # noqa: E402
from survey.instrument import Form, Rated, load  # noqa: E402
from survey.paper import sheet  # noqa: E402
from survey.paper.reading import read  # noqa: E402

UNITS = ("自治区示例厅", "自治区示例农牧业产业化发展服务中心", "示例大学")


def people(number: int) -> tuple[Rated, ...]:
    """Invented people."""
    names = [f"示例{sign}" for sign in "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉"] + ["示例·巴图孟克吉日嘎拉"]
    return tuple(Rated(id=f"p{n}", name=names[(n * 7) % len(names)], position="成员", unit=UNITS[n % 3]) for n in range(number))


def main() -> None:
    """Runs the bench and prints its table."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--questions", type=int, default=3000)
    wanted.add_argument("--seed", type=int, default=1)
    wanted.add_argument("--awkward", type=float, default=0.0)
    wanted.add_argument("--ways", default="scan,photo,chat")
    wanted.add_argument("--keep", type=Path, help="a folder for cut-outs of what was read wrongly")
    chosen = wanted.parse_args()
    forms = []
    for name, number in (("appraisal", 8), ("appraisal", 14), ("opinion", 6)):
        form = Form(instrument=load(name), people=people(number))
        laid = sheet.lay_out(sheet.plan(form, collection="DEMO2018", subtitle="演示数据", ask_voice=name == "opinion"))
        out = BytesIO()
        sheet.write(laid, ["ABCDE-FGHJK"], out)
        forms.append((laid.geometry, simulate.printed(out.getvalue())))
    rng = np.random.default_rng(chosen.seed)
    total: Counter[str] = Counter()
    by_way: dict[str, Counter[str]] = {}
    kinds: Counter[str] = Counter()
    why: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    spent = 0.0
    while total["questions"] < chosen.questions:
        for way in chosen.ways.split(","):
            geometry, pages = forms[int(rng.integers(len(forms)))]
            number = int(rng.integers(len(pages))) + 1
            drawn, truth = simulate.fill_in(pages[number - 1], geometry, number, rng, chosen.awkward)
            picture = simulate.degrade(drawn, way, rng)
            data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            start = time.process_time()
            cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            page = read(picture, {geometry.layout: geometry}, "DEMO2018")
            spent += time.process_time() - start
            count = by_way.setdefault(way, Counter())
            for tally in (total, count):
                tally["pages"] += 1
                tally["refused"] += page.refused is not None
                tally["questions"] += len(truth)
            if page.refused:
                reasons[f"{way}:{page.refused}"] += 1
                if chosen.keep:
                    chosen.keep.mkdir(exist_ok=True)
                    cv2.imwrite(str(chosen.keep / f"refused-{way}-{page.refused}-{total['pages']}.jpg"), picture)
            for reading in page.readings:
                meant = truth[reading.subject, reading.question]
                judged = "person" if reading.verdict == "person" else "right"
                if reading.verdict != "person" and (
                    set(reading.choices) != set(meant.options) or meant.kind in simulate.TO_A_PERSON
                ):
                    judged = "wrong"
                    print(f"  wrong: {way} {meant} read {reading.choices} {reading.verdict} {reading.certainty}", flush=True)
                    if chosen.keep:
                        from survey.paper.reading import crop

                        chosen.keep.mkdir(exist_ok=True)
                        name = f"{way}-{meant.kind}-{total['pages']}-{reading.subject}-{reading.question}.png"
                        (chosen.keep / name).write_bytes(crop(picture, page.pose, reading.box))
                for tally in (total, count):
                    tally[judged] += 1
                kinds[f"{meant.kind}:{judged}"] += 1
                if judged == "person":
                    why[f"{way}:{meant.kind}:{reading.why}"] += 1
    print(f"{'':8}{'pages':>7}{'refused':>9}{'questions':>11}{'to a person':>13}{'wrong':>7}{'per 10,000':>12}")
    for name, count in [*by_way.items(), ("all", total)]:
        read_ = count["right"] + count["person"] + count["wrong"]
        print(
            f"{name:8}{count['pages']:7}{count['refused'] / count['pages']:9.2%}{read_:11}"
            f"{count['person'] / max(read_, 1):13.2%}{count['wrong']:7}{1e4 * count['wrong'] / max(read_, 1):12.2f}"
        )
    print(f"CPU {1000 * spent / total['pages']:.0f} ms a page; seed {chosen.seed}, awkward {chosen.awkward:.0%}")
    print("refused:", dict(reasons))
    for kind in sorted({key.split(":")[0] for key in kinds}):
        print(f"  {kind:10} " + "  ".join(f"{what} {kinds[f'{kind}:{what}']}" for what in ("right", "person", "wrong")))
    print("why:", ", ".join(f"{name} {number}" for name, number in why.most_common(30)))


if __name__ == "__main__":
    main()
