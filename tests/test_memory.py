"""A served process's memory."""

import os
import subprocess
import sys

COUNTS = "import gc; from app import create_app; app = create_app(); print(gc.get_freeze_count() > 50_000, gc.get_threshold()[0])"


def test_a_process_of_its_own_passes_over_what_it_loaded(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", COUNTS], env={**os.environ, "INSTANCE": str(tmp_path)}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert said.stdout.split() == ["True", "20000"]
