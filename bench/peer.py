"""The sealed box beside a survey package of Django's, under the same load: a voter's page, cast and thanks.

`python -m bench.peer`. django-survey-and-report is installed into an environment of its own and served by the same server as
ours, two workers each, on the SQLite of its own default settings, which is durable. A survey of 40 questions with four choices
each stands beside a ballot of eight people and five items. What it does not do is said too: no slip, no receipt, no seal.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path

from bench import box

PINNED = ("django-survey-and-report==1.5.0", "Django==5.2.19", f"granian=={version('granian')}")
QUESTIONS = 40
CLIENTS = ((1, 40), (50, 200), (300, 300))
SITE = """
import os, sys
from datetime import timedelta
import django
from django.conf import settings
from django.urls import include, path
from django.utils.timezone import now
HERE = os.path.dirname(os.path.abspath(__file__))
settings.configure(
    SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF="site_of_peer", USE_TZ=True, STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(HERE, "peer.db")}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
                    "django.contrib.staticfiles", "survey"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"]}}],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", CHOICES_SEPARATOR=",", USER_DID_NOT_ANSWER="-",
    DEFAULT_SURVEY_PUBLISHING_DURATION=7, EXCEL_COMPATIBLE_CSV=False,
)
django.setup()
urlpatterns = [path("survey/", include("survey.urls")), path("accounts/", include("django.contrib.auth.urls"))]
if sys.argv[1:2] == ["make"]:
    sys.modules["site_of_peer"] = sys.modules["__main__"]
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    from survey.models import Answer, Question, Response, Survey
    made = Survey.objects.create(name="bench", description="", need_logged_user=False, expire_date=now() + timedelta(days=7))
    for at in range(int(sys.argv[2])):
        Question.objects.create(survey=made, text=f"Question {at}", order=at, required=False, type=Question.RADIO,
                                choices="Good,Fairly good,Average,Poor")
elif sys.argv[1:2] == ["count"]:
    sys.modules["site_of_peer"] = sys.modules["__main__"]
    from survey.models import Answer, Response
    print(Response.objects.count(), Answer.objects.count())
else:
    from django.core.wsgi import get_wsgi_application
    app = get_wsgi_application()
"""


async def visit(kind: str, job: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One voter at the peer: the page, the cast with its token and cookie, the page of thanks it leads to."""
    status, head, page = await _exchange(reader, writer, box.get("/survey/1/"))
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)
    names = re.findall(rb'type="radio" name="(question_\d+)"', page)
    if status != 200 or not token or len(names) != QUESTIONS * 4:
        return False
    cookies = _cookies(head)
    marks = b"&".join(name + b"=" + job["choice"].encode() for name in dict.fromkeys(names))
    sent = box.post("/survey/1/", b"csrfmiddlewaretoken=" + token[1] + b"&" + marks)
    status, head, _body = await _exchange(reader, writer, _with(sent, cookies))
    there = re.search(rb"location: *(\S+)", head, re.IGNORECASE)
    if status != 302 or not there or b"/confirm/" not in there[1]:
        return False
    thanks = _with(box.get(there[1].decode()), cookies | _cookies(head))
    return (await _exchange(reader, writer, thanks))[0] == 200


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, bytes]:
    """One request on a kept connection: status, head and body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return int(head[9:12]), head, await reader.readexactly(int(found[1]) if found else 0)


def _cookies(head: bytes) -> dict[bytes, bytes]:
    return dict(re.findall(rb"set-cookie: *(\w+)=([^;\r]*)", head, re.IGNORECASE))


def _with(request: bytes, cookies: dict[bytes, bytes]) -> bytes:
    line = b"Cookie: " + b"; ".join(name + b"=" + value for name, value in cookies.items())
    return request.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)


def installed(folder: Path) -> Path:
    """The Python of an environment of its own with the peer in it."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED], check=True)
    return python


def of_peer(folder: Path) -> list[box.Load]:
    """The peer's figures, at each number of clients."""
    python = installed(folder / "env")
    (folder / "site_of_peer.py").write_text(SITE)
    environment = {"PYTHONPATH": str(folder)}  # its package is called `survey`, as ours is
    subprocess.run([python, "site_of_peer.py", "make", str(QUESTIONS)], check=True, cwd=folder, env=environment)
    found = []
    with box.serving("site_of_peer:app", folder=folder, python=python, **environment) as (port, pid):
        job = {"choice": "good"}
        box.load(port, "peer", [job] * 20, 4, pids=[pid], by="bench.peer")
        for clients, number in CLIENTS:
            found.append(box.load(port, "peer", [job] * number, clients, pids=[pid], by="bench.peer"))
            box.show(f"django-survey-and-report, {clients} clients", found[-1])
    counted = subprocess.run([python, "site_of_peer.py", "count"], check=True, cwd=folder, env=environment, capture_output=True)
    print(f"  it stored {' responses and '.join(counted.stdout.decode().split())} answers", flush=True)
    return found


def of_ours(folder: Path, beside: list[box.Load]) -> None:
    """Our figures at the same numbers of clients, each beside the peer's."""
    url = f"sqlite:///{folder / 'survey.db'}"
    _, jobs = box.meeting(folder, url, slips=20 + sum(number for _clients, number in CLIENTS))
    environment = {"INSTANCE": str(folder), "DATABASE_URL": url}
    with box.serving("app:create_app", folder=box.ROOT, factory=True, **environment) as (port, pid):
        box.load(port, "vote", jobs[:20], 4, pids=[pid])
        writers = [int(file.read_text()) for file in (folder / "run").glob("writer-*.lock") if file.read_text()]
        at = 20
        for (clients, number), peer in zip(CLIENTS, beside, strict=True):
            found = box.load(port, "vote", jobs[at : at + number], clients, pids=[pid, *writers])
            at += number
            right = peer.rate * (1 - peer.errors / number)  # an answer that did not come in 60 s is no ballot
            ratio = f"{found.rate / right:.0f}x the peer's ballots/s" if right else "the peer answered nobody within 60 s"
            ratio += f", {found.p99 / peer.p99:.2f}x its p99, CPU {found.cpu / peer.cpu:.2f}x"
            box.show(f"sealed box, {clients} clients", found, ratio)


def main() -> None:
    """Both in one run, the peer first."""
    if "--load" in sys.argv:
        print(json.dumps(asyncio.run(box.asked(**json.load(sys.stdin), unit=visit))))
        return
    folder = Path(tempfile.mkdtemp(prefix="peerbench"))
    try:
        (folder / "peer").mkdir()
        (folder / "ours").mkdir()
        of_ours(folder / "ours", of_peer(folder / "peer"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
