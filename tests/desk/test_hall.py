"""The whole journey over HTTP: a roster imported, 30 slips printed, every code read back out of the PDF, a hall that votes by what
the pages offer, a seal, a score; and the result is what `flask score` gives for the marks that were cast."""

import io
import json
import random
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import numpy as np
import pypdfium2
import zxingcpp

from survey import job
from tests.browser import served
from tests.desk.office import BANNER, Page, both

ITEMS = ("tasks", "organisation", "service", "results", "overall")
GRADES = ("good", "fairly_good", "average", "poor")


def codes_in(pdf):
    """What the QR codes of a PDF's pages say."""
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            picture = np.ascontiguousarray(page.render(scale=2.5, grayscale=True).to_numpy().squeeze())
            yield from (each.text for each in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode))


def fetch(address, fields=None):
    """One request without cookies, as a phone makes it."""
    body = urlencode(fields, doseq=True).encode() if fields is not None else None
    with urlopen(Request(address, data=body), timeout=20) as answer:
        assert "Set-Cookie" not in answer.headers
        return Page(answer.read().decode(), address)


def vote(site, token_path, chance):
    """Scans, marks, checks, submits; what was marked."""
    form = fetch(site + token_path).form("/check")
    fields = form.filled()
    subjects = sorted({name.split(".")[1] for name in form.names() if name.startswith("q.")})
    meant = {(subject, item): chance.choice((*GRADES, "")) for subject in subjects for item in ITEMS}
    fields |= {f"q.{subject}.{item}": grade for (subject, item), grade in meant.items() if grade}
    check = fetch(site + urlsplit(form.action).path, fields).form("/cast")
    done = fetch(site + urlsplit(check.action).path, check.filled())
    assert "已提交，谢谢" in done.text
    return {key: grade for key, grade in meant.items() if grade}


def test_a_hall_votes_and_the_result_is_that_of_flask_score(people_on_either, tmp_path):
    people = people_on_either
    office, teller, scrutineer, app = people.office, people.teller, people.scrutineer, people.app
    office.get("/desk/meetings/new")
    office.fill("/meetings/new", banner=BANNER, kind="appraisal", mode="slips", held_on="2019-01-10")
    name = office.page.url.rsplit("/", 1)[1]
    url = f"/desk/meeting/{name}"
    office.fill("/prepare", teller="teller", scrutineer="scrutineer", delivered_on="2019-01-05")

    office.get(f"/desk/paper/{name}")
    office.fill("/print/slips", **{"n.leaders": "6", "n.townships": "12", "n.households": "12"})
    printed = office.page.url.rsplit("/", 1)[1]
    job.wait(printed)
    pdf = office.client.get(f"/desk/paper/job/{printed}/result.pdf").data
    addresses = sorted(set(codes_in(pdf)))
    assert len(addresses) == 30

    for officer in (teller, scrutineer):
        officer.get(url)
        officer.fill("/figures", expected="40", present="30", issued="30")
    teller.get(url)
    assert job.vault(app).has(f"{printed}.result")
    teller.fill("/open", **both())
    assert not job.vault(app).has(f"{printed}.result")  # deleted by the opening itself, not by the next visit
    assert office.client.get(f"/desk/paper/job/{printed}/result.pdf").mimetype != "application/pdf"  # codes are on paper alone

    chance = random.Random(30)
    with served(app) as site:
        ballots = [vote(site, urlsplit(address).path, chance) for address in addresses[:27]]
    teller.get(url)
    teller.fill("/close", minutes="0", **both())
    page = teller.fill("/seal", **both())
    assert "已封箱" in page.text

    book = tmp_path / "book"
    with zipfile.ZipFile(io.BytesIO(office.client.get("/desk/cycle/export.zip").data)) as archive:
        archive.extractall(book)
    cast = Counter((person, item, grade) for ballot in ballots for (person, item), grade in ballot.items())
    rows = (book / "ballots.csv").read_text(encoding="utf-8-sig").splitlines()
    head = rows[0].split(",")
    places = [head.index(column) for column in ("person", "item", "grade")]
    assert Counter(tuple(row.split(",")[at] for at in places) for row in rows[1:]) == cast

    root = Path(__file__).parents[2]
    scored = subprocess.run(
        [sys.executable, "-m", "flask", "score", str(book), "--json"], cwd=root, capture_output=True, text=True, check=True
    )
    shown = json.loads(office.client.get("/desk/results.json").get_data(as_text=True))
    assert json.loads(scored.stdout)["sequences"] == shown["sequences"]
    appraisals = [row["components"]["appraisal"] for rows in shown["sequences"].values() for row in rows if row["banner"] == BANNER]
    assert len(appraisals) == 4 and all(appraisals)

    pages = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/desk/") and "GET" in rule.methods]
    pages = [each for each in pages if "<" not in each and not each.endswith(("sign-in", "assessors", "assessors.pdf", "what-if.xlsx"))]
    captain = shown["sequences"]["captain"][0]["subject"]
    pages += ["/desk/what-if.xlsx?choice.grades=95/80/60", f"/desk/roster/{BANNER}", f"/desk/results/captain/{captain}"]
    pages += [f"/desk/paper/{name}", f"/desk/paper/{name}/tally.pdf"]
    assert len(pages) > 20
    for page in pages:  # every page of the office answers, on either database
        assert office.client.get(page, follow_redirects=True).status_code == 200, page
