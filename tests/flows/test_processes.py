"""The program's processes as a deployment starts them."""

from urllib.parse import urlencode

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

from tests.processes import Processes
from tests.waiting import eventually


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_it_serves_forms_from_the_tests_database(web: str, chunked: bool) -> None:
    password = make_password("open sesame", hasher="pbkdf2_sha256")  # the tests' own is unknown to the server
    get_user_model().objects.create(username="operator", password=password, is_staff=True)
    session = requests.Session()
    token = session.get(f"{web}/admin/login/", timeout=10).cookies["csrftoken"]
    fields = {"username": "operator", "password": "open sesame", "csrfmiddlewaretoken": token, "next": "/healthz"}
    form = urlencode(fields).encode()
    answer = session.post(
        f"{web}/admin/login/",
        data=iter([form[:20], form[20:]]) if chunked else form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
    )
    assert answer.url == f"{web}/healthz"
    assert answer.text == "ok\n"


def test_a_worker_answers_and_ends_on_sigterm(processes: Processes) -> None:
    worker = processes.worker()
    # A broadcast reaches whoever listens in that instant, and a worker is "ready" a moment before it does.
    assert eventually(lambda: processes.celery().control.broadcast("ping", reply=True, limit=1, timeout=2))
    assert worker.stop() == 0


def test_a_worker_runs_what_beat_rings(processes: Processes) -> None:
    worker = processes.worker(LOG_LEVEL="debug")
    processes.beat(SWEEP_SECONDS="0.5")
    assert worker.said("Task notifier.tasks.sweep"), worker.output
