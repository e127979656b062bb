"""What events of rooms say, in our words. The fixtures were written down as Synapse 1.163.2 sent them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.platforms.base import Kind, Part, Rank
from notifier.platforms.events import HIDDEN
from tests.platforms.contract import JSON, complaint
from tests.platforms.matrix_cases import ANN, AT, BEN, EVENT, ROOM, event, fixture, matrix, message, parsed

CID = "@cid:chat.test"
WORDS = "text/plain"


def parts(name: str) -> tuple[Part, ...]:
    found = parsed(fixture(name)).message
    assert found is not None
    return found.parts


def test_a_text_is_a_new_message_for_everybody_in_the_room() -> None:
    found = parsed(message("lunch?"))
    assert (found.key, found.kind, found.conversation, found.actor) == (EVENT, Kind.SENT, ROOM, ANN)
    assert found.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found.to_participants
    assert found.encrypted is None
    told = found.message
    assert told is not None
    assert (told.id, told.sender_id, told.sender_name, told.sent_at) == (EVENT, ANN, None, found.at)
    assert told.parts == (Part(WORDS, "lunch?"),)


@pytest.mark.parametrize(("name", "text"), [("text", "lunch?"), ("emote", "waves"), ("thread", "in a thread")])
def test_texts_are_told(name: str, text: str) -> None:
    assert parts(name) == (Part(WORDS, text),)


@pytest.mark.parametrize(("name", "aside"), [("text", False), ("thread", True)])
def test_what_is_said_in_a_thread_stands_aside(name: str, aside: bool) -> None:
    found = parsed(fixture(name)).message
    assert found is not None
    assert found.aside is aside


def test_a_picture_is_told_by_its_type_with_its_caption_and_without_a_link_that_nobody_could_open() -> None:
    assert parts("image") == (Part("image/jpeg", size=31037), Part(WORDS, "The roof"))


def test_a_files_own_name_is_no_caption() -> None:
    found = parsed(message("roof.jpg", msgtype="m.image", filename="roof.jpg")).message
    assert found is not None
    assert found.parts == (Part("image/*"),)


def test_a_place_is_told_in_words() -> None:
    assert parts("location") == (Part(WORDS, "Big Ben, London"),)


@pytest.mark.parametrize(
    ("kind", "told", "expected"),
    [
        ("m.image", "image/png; x=y", "image/png"),
        ("m.image", None, "image/*"),
        ("m.image", "text/html", "image/*"),
        ("m.audio", "video/mp4", "audio/*"),
        ("m.video", "nonsense", "video/*"),
        ("m.file", "application/pdf", "application/pdf"),
        ("m.file", "text/plain", "application/octet-stream"),
    ],
)
def test_a_files_type_is_believed_as_far_as_it_fits(kind: str, told: str | None, expected: str) -> None:
    found = parsed(message("x.bin", msgtype=kind, info={"mimetype": told, "size": "big"})).message
    assert found is not None
    assert found.parts == (Part(expected),)


def test_a_sticker_is_a_picture() -> None:
    found = parsed(event("m.sticker", {"body": "a cat", "url": "mxc://x/y", "info": {"mimetype": "image/webp"}}))
    assert found.kind is Kind.SENT
    assert found.message is not None
    assert found.message.parts == (Part("image/webp"),)


def test_a_notice_is_a_bots_unless_notices_are_on() -> None:
    usual, told = parsed(fixture("notice")).message, parsed(fixture("notice"), notices="on").message
    assert usual is not None
    assert told is not None
    assert (usual.sender_id, usual.sender_name) == (None, ANN)
    assert (told.sender_id, told.sender_name) == (ANN, None)


def test_an_answers_quotation_is_left_out() -> None:
    relation = {"m.in_reply_to": {"event_id": "$x"}}
    found = parsed(message("> <@ben:chat.test> lunch?\n> now?\n\nyes\n> sure", **{"m.relates_to": relation})).message
    assert found is not None
    assert found.parts == (Part(WORDS, "yes\n> sure"),)


@pytest.mark.parametrize("quoted", ["> <@ben:chat.test> the code is 1234", "> * <@ben:chat.test> waves\n> twice"])
def test_an_answer_without_words_of_its_own_tells_nothing_of_what_it_quotes(quoted: str) -> None:
    found = parsed(message(quoted, **{"m.relates_to": {"m.in_reply_to": {"event_id": "$x"}}})).message
    assert found is not None
    assert found.parts == ()


@pytest.mark.parametrize("body", ["> quoted by myself\n\nyes", "> only this", "> only\nthis"])
def test_other_quotations_stay(body: str) -> None:
    relation = {"m.in_reply_to": {"event_id": "$x"}} if "only" in body else {}
    found = parsed(message(body, **{"m.relates_to": relation})).message
    assert found is not None
    assert found.parts == (Part(WORDS, body),)


def test_an_edit_is_no_new_message_but_a_new_text_of_the_old_one() -> None:
    told = fixture("edit")
    found = parsed(told)
    assert found.kind is Kind.EDITED
    assert not found.to_participants
    assert found.key == told["event_id"]
    assert found.message is not None
    assert found.message.id == told["content"]["m.relates_to"]["event_id"]
    assert found.message.parts == (Part(WORDS, "lunch at 1?"),)


def test_an_edit_without_new_content_has_its_text_in_the_body() -> None:
    found = parsed(message("* lunch at 1?", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$old"}})).message
    assert found is not None
    assert found.parts == (Part(WORDS, "lunch at 1?"),)


def test_an_encrypted_message_is_told_as_hidden() -> None:
    found = parsed(fixture("encrypted"))
    assert (found.kind, found.to_participants, found.encrypted) == (Kind.SENT, True, True)
    assert found.message is not None
    assert found.message.parts == (Part(HIDDEN),)


def test_an_encrypted_edit_is_no_new_message() -> None:
    relation = {"rel_type": "m.replace", "event_id": "$old"}
    found = parsed(event("m.room.encrypted", {"algorithm": "x", "ciphertext": "x", "m.relates_to": relation}))
    assert found.kind is Kind.EDITED
    assert found.message is not None
    assert found.message.id == "$old"


@pytest.mark.parametrize("rel_type", ["m.annotation", "m.reference"])
def test_an_encrypted_reaction_or_handshake_is_no_message(rel_type: str) -> None:
    relation = {"rel_type": rel_type, "event_id": "$old"}
    assert parsed(event("m.room.encrypted", {"m.relates_to": relation})).kind is Kind.OTHER


def test_a_handshake_between_clients_is_no_message() -> None:
    assert parsed(message("ann wants to verify", msgtype="m.key.verification.request")).kind is Kind.OTHER


@pytest.mark.parametrize("told", [{"content": {}}, {"unsigned": {"redacted_because": {"event_id": "$r"}}}])
def test_a_message_that_was_deleted_on_its_way_is_told_as_deleted(told: dict[str, Any]) -> None:
    found = parsed({**message(), **told})
    assert found.kind is Kind.DELETED
    assert found.message is not None
    assert (found.message.id, found.message.parts) == (EVENT, ())


@pytest.mark.parametrize("kept", ["top", "content", "both"])
def test_a_redaction_deletes_what_it_names_in_either_place(kept: str) -> None:
    told = fixture("redaction")
    target = told["redacts"]
    if kept == "top":
        told["content"] = {}
    if kept == "content":
        del told["redacts"]
    found = parsed(told)
    assert found.kind is Kind.DELETED
    assert found.message is not None
    assert found.message.id == target


def test_who_joins_takes_part() -> None:
    found = parsed(fixture("joined"))
    assert (found.kind, found.joined, found.left) == (Kind.CONVERSATION, (BEN,), ())


@pytest.mark.parametrize(("name", "who", "by"), [("left", BEN, BEN), ("kicked", CID, ANN)])
def test_who_leaves_or_is_made_to_takes_no_part_any_more(name: str, who: str, by: str) -> None:
    found = parsed(fixture(name))
    assert (found.kind, found.left, found.joined, found.actor) == (Kind.LEFT, (who,), (), by)


def test_who_is_banned_has_left() -> None:
    assert parsed(event("m.room.member", {"membership": "ban"}, state_key=BEN)).left == (BEN,)


@pytest.mark.parametrize("now", ["join", "invite", "knock"])
def test_another_name_or_an_invitation_changes_nobodys_part(now: str) -> None:
    before = {"prev_content": {"membership": "join"}}
    found = parsed(event("m.room.member", {"membership": now, "displayname": "B"}, state_key=BEN, unsigned=before))
    assert (found.kind, found.joined, found.left) == (Kind.OTHER, (), ())


@pytest.mark.parametrize(("content", "title"), [({"name": " Tea\0 "}, "Tea"), ({}, ""), ({"name": 7}, "")])
def test_a_rooms_name_is_its_title(content: dict[str, Any], title: str) -> None:
    found = parsed(event("m.room.name", content, state_key=""))
    assert (found.kind, found.title) == (Kind.CONVERSATION, title)


def test_a_room_that_is_encrypted_from_now_on_is_told() -> None:
    found = parsed(fixture("encryption"))
    assert (found.kind, found.encrypted, found.title) == (Kind.CONVERSATION, True, None)


@pytest.mark.parametrize("name", ["receipt", "receipt_private"])
def test_a_receipt_says_up_to_where_somebody_has_read_whether_others_see_it_or_not(name: str) -> None:
    told = fixture(name)
    found = parsed(told)
    assert (found.kind, found.conversation) == (Kind.RECEIPT, told["room_id"])
    (target,) = told["content"]
    assert found.read_up_to == {BEN: target}
    assert found.message is None


def receipts(content: dict[str, Any]) -> list[Any]:
    return matrix().parse(json.dumps({"type": "m.receipt", "room_id": ROOM, "content": content}).encode())


def test_receipts_at_several_messages_are_told_each() -> None:
    stamp = {"ts": AT}
    first, second = receipts(
        {"$1": {"m.read": {BEN: stamp, CID: stamp}}, "$2": {"m.read.private": {BEN: stamp}, "m.fully_read": {ANN: {}}}}
    )
    assert first.read_up_to == {BEN: "$1", CID: "$1"}
    assert second.read_up_to == {BEN: "$2"}
    assert first.key != second.key


def test_a_receipt_that_names_its_thread_is_for_that_message_only() -> None:
    (found,) = receipts({"$1": {"m.read": {BEN: {"ts": AT, "thread_id": "$root"}}}})
    assert found.read_up_to == {}
    assert found.message.id == "$1"
    assert found.statuses == {BEN: Rank.READ}


def test_a_receipt_outside_of_all_threads_is_for_the_room() -> None:
    (found,) = receipts({"$1": {"m.read": {BEN: {"ts": AT, "thread_id": "main"}}}})
    assert found.read_up_to == {BEN: "$1"}


def test_what_is_no_id_among_receipts_costs_no_other_receipt() -> None:
    (found,) = receipts({"\0": {"m.read": {BEN: {}}}, "$1": {"m.read": {BEN: {}, "x" * 300: {}, "": {}}}, "$2": 7})
    assert found.read_up_to == {BEN: "$1"}


@pytest.mark.parametrize("stamp", [None, "soon", 10**30, -(10**30), 1.5, True])
def test_an_odd_stamp_costs_no_message(stamp: object) -> None:
    found = parsed({**message(), "origin_server_ts": stamp})
    assert found.at is None
    assert found.message is not None
    assert found.message.sent_at is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": None}, "event_id"),
        ({"room_id": "x" * 256}, "room_id"),
        ({"sender": 7}, "sender"),
        ({"content": "x"}, "content"),
        ({"type": None}, "type"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    reason = complaint(lambda: parsed({**message(), **change}))
    assert reason is not None
    assert reason.startswith(field)


@pytest.mark.parametrize(
    "told",
    [
        event("m.room.message", {"msgtype": "m.text"}),
        message(body=7),
        message("x", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$\0"}}),
        message("x", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}, "m.new_content": 7}),
        event("m.room.member", {"membership": "leave"}),
        event("m.room.redaction", {}),
        event("m.room.redaction", {"redacts": "$1"}, redacts="$2"),
        event("m.room.name", {"name": "Forged"}),
        event("m.room.name", {"name": "Forged"}, state_key="x"),
        event("m.room.encryption", {}),
    ],
)
def test_what_a_member_may_write_as_he_likes_sets_nothing_aside_and_says_nothing_of_the_room(told: Any) -> None:
    found = parsed(told)
    assert (found.kind, found.message, found.left) == (Kind.OTHER, None, ())
    assert (found.title, found.encrypted) == (None, None)


def test_other_events_are_told_as_such() -> None:
    assert parsed({"type": "m.room.topic"}).kind is Kind.OTHER


CONTENT = st.dictionaries(
    st.sampled_from(
        ["msgtype", "body", "m.relates_to", "m.new_content", "info", "membership", "redacts", "name", "$1"]
    ),
    JSON
    | st.sampled_from(["m.text", "m.image", "m.notice", "join", "leave"])
    | st.fixed_dictionaries({"rel_type": st.sampled_from(["m.replace", "m.thread"]) | JSON, "event_id": JSON})
    | st.fixed_dictionaries({"m.read": JSON | st.dictionaries(st.text(), JSON)}),
)


@given(
    kind=st.sampled_from(matrix().event_types),
    content=CONTENT | JSON,
    unsigned=JSON | st.fixed_dictionaries({"prev_content": JSON}),
)
def test_whatever_an_event_holds_it_is_read_or_called_unreadable(kind: str, content: Any, unsigned: Any) -> None:
    body = json.dumps(event(kind, content, state_key=BEN, unsigned=unsigned)).encode()
    assert complaint(lambda: matrix().parse(body)) != ""


@pytest.mark.parametrize(
    ("user", "told"),
    [(ANN, True), ("@ann:elsewhere.test", False), ("@ann:xchat.test", False), ("@smsbridge:chat.test", False)]
    + [(odd, False) for odd in ("@ann:elsewhere.test:chat.test", "ann:chat.test", "@:chat.test", "@ann", "")],
)
def test_only_the_homeservers_own_people_are_told(user: str, told: bool) -> None:
    assert matrix().may_be_told(user) is told


def test_the_bot_has_the_name_that_it_is_given() -> None:
    assert matrix(bot="texter").may_be_told("@smsbridge:chat.test")
    assert not matrix(bot="texter").may_be_told("@texter:chat.test")
