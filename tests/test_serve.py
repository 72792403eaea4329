"""What a newcomer meets: an empty folder serves, and the office gets in by a one-time link."""

import os
import socket
import subprocess
import sys

from app import create_app
from survey import access, db, serve


def test_a_plain_flask_run_finds_its_tables_and_the_office_gets_in(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/survey.db"})
    assert app.test_client().get("/").status_code == 200
    assert app.test_client().get("/v/ABCD1234").status_code == 404
    first, second = (serve.invitation(app) for _ in range(2))
    assert app.test_client().get(first).status_code == 410  # a new link ends the old one
    assert app.test_client().get(second).status_code == 200


def test_the_demo_is_loaded_once_and_what_is_printed_leads_on(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/survey.db"})
    serve.prepare(app)
    serve.prepare(app)
    text = serve.welcome(app, host="127.0.0.1", port=8000)
    assert "/desk/welcome/" in text and "http://127.0.0.1:8000/v/" in text and "█" in text
    link = text.split("http://127.0.0.1:8000/v/")[1].split()[0]
    assert "民意调查（演示数据）" in app.test_client().get(f"/v/{link}").get_data(as_text=True)
    with app.app_context(), db.reading() as connection:
        assert {each.account for each in access.everyone(connection)} == {"office", "demo-teller", "demo-scrutineer"}
    accounts = tmp_path / "demo-accounts.txt"
    assert accounts.stat().st_mode & 0o077 == 0


COUNTS = "import gc; from app import create_app; create_app(); print(gc.get_freeze_count() > 50_000, gc.get_threshold()[0] >= 20_000)"


def test_a_process_of_its_own_passes_over_what_it_loaded(tmp_path):
    environment = {**os.environ, "INSTANCE": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", COUNTS], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True"]


def test_a_port_that_is_taken_is_told_before_anything_is_printed(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        app = create_app({"INSTANCE": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/survey.db"})
        said = app.test_cli_runner().invoke(args=["serve", "--host", "127.0.0.1", "--port", str(port)])
    assert said.exit_code == 1 and f"port {port} is in use" in said.output and "/desk/welcome/" not in said.output
