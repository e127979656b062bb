"""The ledger of consent: what vendors and operators say, in the admin and by commands."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.core.management import CommandError, call_command
from django.test import Client

from smsbridge.models import Bridge, ConsentEvent, OptOut
from smsbridge.services import consent
from smsbridge.services.consent import Wish
from tests import factories
from tests.admin_pages import Pages, html
from tests.admin_rows import everything, phone
from tests.factories import BENS_PHONE, linked
from tests.smsbridge.calls import receipt
from tests.smsbridge.hearing import answers, hear, is_out, ledger
from tests.smsbridge.stages import send
from tests.smsbridge.upstreams import Network, refused

pytestmark = pytest.mark.django_db

pages = Pages("smsbridge")


# Vendors


def test_a_vendors_refusal_is_an_opt_out_with_its_code(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [refused("21610")]
    send()
    one, event = OptOut.objects.get(), ConsentEvent.objects.get()
    assert (one.phone, one.source, one.note) == (BENS_PHONE, "vendor", f"{sms.account.slug} 21610")
    assert (event.what, event.source, event.note, event.account) == ("out", "vendor", one.note, sms.account)
    assert answers() == []


def test_so_is_a_receipt_that_says_so(bridge: Bridge) -> None:
    sms = linked(bridge, state="sent", vendor_id="v-1")
    receipt(sms.account, "undelivered", vendor_id="v-1", code="21610")
    assert (is_out(), ledger()) == (True, [("out", "vendor")])
    assert ConsentEvent.objects.get().note == f"{sms.account.slug} 21610"


def test_another_refusal_says_nothing_about_consent(bridge: Bridge, network: Network) -> None:
    linked(bridge)
    network.script = [refused("30005")]
    send()
    assert (is_out(), ledger()) == (False, [])


def test_what_is_known_already_is_neither_changed_nor_written_down_again(bridge: Bridge) -> None:
    consent.opt_out([Wish(BENS_PHONE, consent.KEYWORD, "stop")])
    assert consent.opt_out([Wish(BENS_PHONE, consent.VENDOR, "21610"), Wish(factories.phone(1), consent.VENDOR)]) == [
        factories.phone(1)
    ]
    assert OptOut.objects.get(phone=BENS_PHONE).source == "keyword"
    assert ledger() == [("out", "keyword")]


def test_one_phone_told_twice_at_once_counts_once(db: None) -> None:
    assert consent.opt_out([Wish(BENS_PHONE, consent.VENDOR, "1"), Wish(BENS_PHONE, consent.VENDOR, "2")]) == [
        BENS_PHONE
    ]
    assert len(ledger()) == 1


def test_the_person_lifts_a_vendors_block(bridge: Bridge) -> None:
    consent.opt_out([Wish(BENS_PHONE, consent.VENDOR, "21610")])
    hear(bridge.pool.numbers.all()[1], "START")
    assert (is_out(), ledger()) == (False, [("out", "vendor"), ("in", "keyword")])


# In the admin


def test_an_operator_adds_an_opt_out_and_it_is_written_down_by_whom(admin_client: Client) -> None:
    admin_client.post(pages.url("optout", "add"), {"phone": "+1 202 555 1001", "note": "by letter"})
    row, event = OptOut.objects.get(), ConsentEvent.objects.get()
    assert (row.phone, row.source, row.note) == (phone(1), "operator", "admin: by letter")
    assert (event.phone, event.what, event.source, event.note) == (phone(1), "out", "operator", "admin: by letter")
    assert LogEntry.objects.get().action_flag == ADDITION


def remove(client: Client, row: OptOut, **typed: str) -> None:
    client.post(pages.url("optout", row.pk, "delete"), {"post": "yes", **typed})


def test_an_operator_brings_somebody_back_with_a_reason(admin_client: Client) -> None:
    consent.opt_out([Wish(phone(1), consent.KEYWORD)])
    row = OptOut.objects.get()
    assert "Why" in html(admin_client, pages.url("optout", row.pk, "delete"))
    remove(admin_client, row, reason="wrote to us on 3 May")
    assert not is_out(phone(1))
    assert ledger(phone(1)) == [("out", "keyword"), ("in", "operator")]
    assert ConsentEvent.objects.get(what="in").note == "admin: wrote to us on 3 May"
    entry = LogEntry.objects.get()
    assert entry.action_flag == DELETION
    assert phone(1) not in entry.object_repr


@pytest.mark.parametrize("typed", [{}, {"reason": ""}, {"reason": "  "}])
def test_without_a_reason_nobody_is_brought_back(admin_client: Client, typed: dict[str, str]) -> None:
    consent.opt_out([Wish(phone(1), consent.KEYWORD)])
    remove(admin_client, OptOut.objects.get(), **typed)
    pages.run_action(admin_client, "optout", "delete_selected", list(OptOut.objects.all()))
    assert is_out(phone(1))
    assert not LogEntry.objects.exists()


def test_the_ledger_is_read_by_a_whole_phone_and_changed_by_nobody(admin_client: Client) -> None:
    everything(people=4)
    wanted = set(ConsentEvent.objects.filter(phone=phone(502)).values_list("pk", flat=True))
    assert pages.found(admin_client, "consentevent", phone(502)) == wanted
    (row,) = wanted
    assert admin_client.get(pages.url("consentevent", "add")).status_code == 403
    assert admin_client.post(pages.url("consentevent", row, "delete"), {"post": "yes"}).status_code == 403
    admin_client.post(pages.url("consentevent", row, "change"), {"note": "changed"})
    assert ConsentEvent.objects.get(pk=row).note == ""


def test_the_pools_page_shows_what_is_answered(admin_client: Client) -> None:
    here = everything(people=1)
    here.pool.help_answer = "Call 555."
    here.pool.save()
    shown = html(admin_client, pages.url("pool", here.pool.pk, "change"))
    assert "Call 555." in shown
    assert "You will get no more texts from us." in shown


# By command


def run(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_phones_are_opted_out_and_in_by_command(db: None) -> None:
    assert "Opted out: 1" in run("opt_out", "+1 202 555 1001", phone(1), note="by letter")
    assert "before: 1" in run("opt_out", phone(1))
    assert OptOut.objects.get().note.endswith(": by letter")
    assert "Opted in again: 1. Had not opted out: 1." in run("opt_in", phone(1), phone(2), note="by mail")
    assert ledger(phone(1)) == [("out", "operator"), ("in", "operator")]


@pytest.mark.parametrize("command", ["opt_out", "opt_in"])
def test_what_is_no_phone_is_told_by_its_place_and_nothing_is_changed(db: None, command: str) -> None:
    with pytest.raises(CommandError, match="number 2 of those") as refused:
        run(command, phone(1), "555 1002", note="x")
    assert "1002" not in str(refused.value)
    assert not ConsentEvent.objects.exists()


def test_opt_in_asks_for_a_reason(db: None) -> None:
    with pytest.raises(CommandError, match="--note"):
        run("opt_in", phone(1))


def test_the_list_is_masked_and_the_csv_is_whole(db: None) -> None:
    consent.opt_out([Wish(phone(1), consent.KEYWORD, "stop")])
    shown = run("opt_outs")
    assert "Opted out: 1." in shown
    assert phone(1) not in shown
    (row,) = csv.DictReader(StringIO(run("opt_outs", csv=True)))
    assert (row["phone"], row["source"], row["note"]) == (phone(1), "keyword", "stop")


def take_in(tmp_path: Path, text: str) -> str:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    return run("opt_outs", "--import", str(file))


@pytest.mark.parametrize("heading", ["", "phone\n", "\ufeffPhone\n"])
def test_a_list_of_phones_is_taken_in_once(tmp_path: Path, heading: str) -> None:
    text = f"{heading}+1 202-555-1001\n\n12025551002\n+12025551001\n"
    assert "Added: 2. Had opted out before: 1." in take_in(tmp_path, text)
    assert "Added: 0. Had opted out before: 3." in take_in(tmp_path, text)
    assert set(OptOut.objects.values_list("phone", "source")) == {(phone(1), "import"), (phone(2), "import")}
    assert ConsentEvent.objects.count() == 2


def test_moments_and_notes_are_taken_over_and_a_moment_to_come_is_not(tmp_path: Path) -> None:
    take_in(tmp_path, f"note,phone,since\n by letter,{phone(1)},2025-03-01T10:00:00+00:00\n,{phone(2)},2999-01-01\n")
    first, second = OptOut.objects.order_by("pk")
    assert first.since == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert ConsentEvent.objects.get(phone=phone(1)).at == first.since
    assert first.note.endswith(": by letter")
    assert second.since <= datetime.now(UTC)


def test_what_is_written_out_can_be_taken_in(tmp_path: Path) -> None:
    consent.opt_out([Wish(phone(1), consent.KEYWORD)])
    text = run("opt_outs", csv=True)
    OptOut.objects.all().delete()
    assert "Added: 1." in take_in(tmp_path, text)


def test_lines_without_a_phone_are_told_masked_and_the_others_taken(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"{phone(1)}\n2025551002\nnobody\n{phone(3)}\n")
    told = StringIO()
    with pytest.raises(CommandError, match=r"Added: 2\. Had opted out before: 0\. Without a phone: 2"):
        call_command("opt_outs", "--import", str(file), stdout=told, stderr=told)
    assert "Line 2" in told.getvalue()
    assert "Line 3" in told.getvalue()
    assert "2025551002" not in told.getvalue()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run("opt_outs", "--import", str(tmp_path / "none.csv"))


def test_a_long_list_is_taken_in_batches(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from smsbridge.services import consent_lists

    monkeypatch.setattr(consent_lists, "_BATCH", 2)
    taken = consent_lists.Taken()
    steps = [taken.added for _ in consent_lists.take_in([f"{phone(n)}\n" for n in range(5)], "me", taken)]
    assert steps == [2, 4, 5]
