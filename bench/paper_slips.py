"""How fast slips are printed, and in how much memory, beside laying every page out with its codes as SVG.

    python bench/paper_slips.py --slips 17100 --naive 200

Each way runs in a process of its own, on one core; prints slips a second and the peak memory.
"""

import argparse
import io
import multiprocessing
import resource
import secrets
import sys
import time
from pathlib import Path

import qrcode
import qrcode.image.svg

sys.path.insert(0, str(Path(__file__).parents[1]))

from survey.paper import press, slips  # noqa: E402

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HEADING = slips.Heading(title="总结测评会", banner="示例旗", group="成员单位", site="https://example.org/v/DEMX2345")


def tickets(number: int) -> list[slips.Ticket]:
    """Slips as the app makes them, of a collection that does not exist."""
    return [slips.Ticket(address=f"https://example.org/v/DEMX2345/{_random(26)}", code=_random(10)) for _ in range(number)]


def repeated(number: int) -> tuple[float, int]:
    """One page laid out, repeated with the codes drawn in: the way the app prints. Seconds and bytes."""
    made = tickets(number)
    slips.pdf(made[:1], HEADING, _plain)  # fonts are found once
    start = time.process_time()
    out = io.BytesIO()
    slips.write(made, HEADING, out, _plain)
    return time.process_time() - start, out.tell()


def naive(number: int) -> tuple[float, int]:
    """Every page laid out by WeasyPrint, every code an SVG from qrcode."""
    made = tickets(number)
    slips.pdf(made[:1], HEADING, _plain)
    start = time.process_time()
    grid = slips._USUAL
    each = grid.columns * grid.rows
    blank = (
        press._environment()
        .get_template("paper/slips.html")
        .render(heading=HEADING, grid=grid, count=each, _=_plain, font=press.font, fitting=press.fitting)
    )
    head, rest = blank.split("<body", 1)
    body = rest.split(">", 1)[1].split("</body>", 1)[0]
    pages = []
    for at in range(0, number, each):
        page = body
        for place, ticket in enumerate(made[at : at + each]):
            image = qrcode.make(
                ticket.address, image_factory=qrcode.image.svg.SvgPathImage, error_correction=qrcode.constants.ERROR_CORRECT_Q
            )
            svg = io.BytesIO()
            image.save(svg)
            left, top = (place % grid.columns) * grid.width + grid.qr.x, (place // grid.columns) * grid.height + grid.qr.y
            drawn = svg.getvalue().decode().split("?>", 1)[1]
            page += f'<div style="position:absolute;left:{left}mm;top:{top}mm;width:27mm">{drawn}<b>{ticket.code}</b></div>'
        pages.append(f'<div style="position:relative;height:297mm;break-after:page">{page}</div>')
    out = io.BytesIO()
    press.weasyprint.HTML(string=f"{head}<body class='usual'>{''.join(pages)}</body></html>").write_pdf(out)
    return time.process_time() - start, out.tell()


def _plain(text: str, **values: object) -> str:
    return text % values if values else text


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _measured(way: str, number: int, answer: "multiprocessing.Queue[tuple[float, int, float]]") -> None:
    spent, size = repeated(number) if way == "repeated" else naive(number)
    answer.put((spent, size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Runs both ways and prints a line each."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--slips", type=int, default=17_100)
    wanted.add_argument("--naive", type=int, default=200)
    chosen = wanted.parse_args()
    context = multiprocessing.get_context("spawn")
    rate = {}
    for way, number in (("repeated", chosen.slips), ("naive", chosen.naive)):
        answer = context.Queue()
        process = context.Process(target=_measured, args=(way, number, answer))
        process.start()
        spent, size, memory = answer.get()
        process.join()
        rate[way] = number / spent
        pace = f"{spent:7.2f} s  {number / spent:8.0f} a second"
        print(f"{way:9} {number:6} slips  {pace}  {size / 2**20:6.1f} MB of PDF  peak {memory:5.0f} MB")
    print(f"{rate['repeated'] / rate['naive']:.0f} times as fast")


if __name__ == "__main__":
    main()
