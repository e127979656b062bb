"""A worker has other connections than a web process, whoever starts it."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

TELL = "from django.conf import settings; print(settings.WORKER)"
STARTED_BY_WEB = f"import config, subprocess, sys; subprocess.run([sys.executable, '-c', {{!r}}], check=True); {TELL}"
WORKER = f"import sys; sys.argv = ['celery', '-A', 'config', 'worker']; import config; {TELL}"


@pytest.mark.once
@pytest.mark.parametrize(
    ("program", "told"),
    [
        pytest.param(f"import config; {TELL}", ["False"], id="a web process"),
        pytest.param(WORKER, ["True"], id="a worker"),
        pytest.param(STARTED_BY_WEB.format(WORKER), ["True", "False"], id="a worker that another process started"),
    ],
)
def test_a_process_knows_whether_it_is_a_worker(program: str, told: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PROCESS_ROLE"}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == told
