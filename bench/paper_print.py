"""How fast ballots are printed, beside laying out every page with its code as an SVG.

    python bench/paper_print.py --copies 300 --naive 20

Prints ballots a second on one core, and the peak memory of each way (each runs in a process of its own).
"""

import argparse
import io
import multiprocessing
import resource
import sys
import time
from pathlib import Path

import qrcode
import qrcode.image.svg

sys.path.insert(0, str(Path(__file__).parents[1]))

from survey.instrument import Form, Rated, load  # noqa: E402
from survey.paper import sheet  # noqa: E402
from survey.paper.geometry import Stamp  # noqa: E402


def codes(number: int) -> list[str]:
    """Codes that say what they are."""
    return [f"DEMX-{n:05}" for n in range(number)]


def repeated(number: int) -> float:
    """One layout, repeated with each code drawn in: the way the app prints."""
    laid = sheet.lay_out(_plan())
    start = time.process_time()
    with open("/dev/null", "wb") as nowhere:
        sheet.write(laid, codes(number), nowhere)
    return time.process_time() - start


def naive(number: int) -> float:
    """Every page laid out, each with its code as an SVG from qrcode."""
    laid = sheet.lay_out(_plan())
    start = time.process_time()
    html = sheet.html(_plan())
    head, body = html.split("<header>", 1)
    inside, end = body.split("</body>", 1)
    pages = []
    for code in codes(number):
        said = Stamp(collection="DEMO2018", code=code, page=1, of=1, layout=laid.geometry.layout)
        image = qrcode.make(
            str(said), image_factory=qrcode.image.svg.SvgPathImage, error_correction=qrcode.constants.ERROR_CORRECT_Q
        )
        svg = io.BytesIO()
        image.save(svg)
        drawn = svg.getvalue().decode().split("?>", 1)[1]
        one = inside.replace(' id="', f' id="{code}-')
        pages.append(f'<div style="break-before: page"><header>{drawn}{one}</div>')
    sheet.render(head + "".join(pages) + "</body>" + end).write_pdf(io.BytesIO())
    return time.process_time() - start


def _plan() -> sheet.SheetPlan:
    people = tuple(
        Rated(id=f"p{n}", name=f"示例{'甲乙丙丁戊己庚辛'[n]}", position="成员", unit="自治区示例厅") for n in range(8)
    )
    form = Form(instrument=load("appraisal"), people=people)
    return sheet.plan(form, collection="DEMO2018", subtitle="演示数据")


def _measured(way: str, number: int, answer: "multiprocessing.Queue[tuple[float, float]]") -> None:
    spent = repeated(number) if way == "repeated" else naive(number)
    answer.put((spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Runs both ways and prints a line each."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--copies", type=int, default=1000)
    wanted.add_argument("--naive", type=int, default=20)
    chosen = wanted.parse_args()
    context = multiprocessing.get_context("spawn")
    each = {}
    for way, number in (("repeated", chosen.copies), ("naive", chosen.naive)):
        answer = context.Queue()
        process = context.Process(target=_measured, args=(way, number, answer))
        process.start()
        spent, memory = answer.get()
        process.join()
        each[way] = number / spent
        print(f"{way:9} {number:6} ballots  {spent:7.2f} s  {number / spent:8.1f} a second  peak {memory:5.0f} MB")
    print(f"{each['repeated'] / each['naive']:.0f} times as fast")


if __name__ == "__main__":
    main()
