"""A connection to a Bridge: what is said in which order, what is told, and how it ends."""

import json

import pytest

from notifier.platforms.base import Kind, Rank
from notifier.platforms.events import HIDDEN
from notifier.platforms.privmx_rpc import RpcError
from notifier.platforms.socket import BrokenError, RefusedError
from tests.platforms.privmx_cases import (
    INBOX,
    LIMITED,
    START,
    THREAD,
    Talk,
    World,
    container,
    error,
    lunch,
    message,
    privmx,
    push,
)

OPENING = ["manager/auth", "manager/bindAccessToken", "manager/subscribeToChannel", "context/listContexts"]


def test_it_connects_to_the_websocket_beside_the_api() -> None:
    assert privmx().conversing({}).url == "ws://127.0.0.1:9111/api"
    assert privmx(api_url="https://bridge.example/x/").conversing({}).url == "wss://bridge.example/x/api"


def test_it_logs_in_binds_subscribes_and_then_catches_up() -> None:
    talk = Talk(privmx(), lunch()).open()
    assert talk.asked == [*OPENING, "thread/listThreads"]
    assert talk.params[0]["scope"] == ["thread", "context", "solution:*"]
    assert talk.params[2] == {"channels": ["thread"]}
    assert talk.session.caught_up


def test_it_is_not_caught_up_before() -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("thread/listThreads", LIMITED)
    assert not talk.open().session.caught_up


def test_it_subscribes_to_threads_for_the_entries_of_inboxes() -> None:
    talk = Talk(privmx(channels="inbox"), lunch()).open()
    assert {"channels": ["inbox", "thread"]} in talk.params


def test_it_unsubscribes_before_it_hangs_up() -> None:
    talk = Talk(privmx(), lunch())
    assert talk.session.closing() == ()
    (frame,) = talk.open().session.closing()
    assert json.loads(frame)["method"] == "manager/unsubscribeFromChannel"


def test_it_tells_of_a_message_to_everybody_in_the_thread_but_its_author() -> None:
    talk = Talk(privmx(), lunch()).open().push(push("threadNewMessage", message(1, 5000)))
    about, sent = talk.events
    assert (about.kind, about.participants) == (Kind.CONVERSATION, ["ann", "ben", "cid"])
    assert (sent.kind, sent.statuses) == (Kind.SENT, {"ben": Rank.SENT, "cid": Rank.SENT})
    assert (sent.conversation, sent.context, sent.to_participants) == (THREAD, "C1", False)
    assert sent.message is not None
    assert [part.mime_type for part in sent.message.parts] == [HIDDEN]


def test_it_asks_once_for_a_thread_however_many_messages_wait_for_it() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.silent = True
    talk.push(*(push("threadNewMessage", message(number, 5000)) for number in range(3)))
    assert talk.told == []
    talk.answers().push(push("threadNewMessage", message(4, 5000)))
    assert talk.count("thread/getThread") == 1
    assert [event.kind for event in talk.events] == [Kind.CONVERSATION, Kind.SENT, Kind.SENT, Kind.SENT, Kind.SENT]


def test_it_tells_the_rest_at_once_while_a_message_waits_for_its_thread() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.silent = True
    talk.push(
        push("threadNewMessage", message(1, 5000)), push("threadDeletedMessage", {"messageId": "x", "threadId": "y"})
    )
    assert [event.kind for event in talk.events] == [Kind.DELETED]


def test_it_knows_a_thread_from_its_update_without_asking() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.push(
        push("threadUpdated", container(THREAD, users=["ann", "dora"])), push("threadNewMessage", message(1, 5000))
    )
    assert talk.count("thread/getThread") == 0
    assert talk.events[-1].statuses == {"cid": Rank.SENT, "dora": Rank.SENT}


@pytest.mark.parametrize("deep", ["[" * 5000 + "]" * 5000, '{"a":' * 5000 + '"}[\\"]"' + "}" * 5000])
def test_nobody_can_stop_it_by_nesting_deeply(deep: str) -> None:
    """All pushes and the catch-up go over one connection: what one member writes must not end it each time."""
    talk = Talk(privmx(text_key="a"), lunch()).open()
    told = json.dumps(push("threadNewMessage", message(1, 5000, publicMeta={"a": "Lunch", "b": "DEEP"})))
    talk.frame(told.replace('"DEEP"', deep))
    assert [part.text for event in talk.events if event.message for part in event.message.parts] == ["Lunch"]


def test_who_was_removed_from_an_inbox_is_not_told_of_its_entries_any_more() -> None:
    """The thread behind an inbox is not listened to for its own sake."""
    talk = Talk(privmx(channels="inbox"), lunch()).open()
    entries = [message(number, 5000, author="<anonymous>", keyId=f"<inbox-{INBOX}>") for number in (1, 2)]
    talk.push(push("threadNewMessage", entries[0]))
    talk.push(push("threadUpdated", container(THREAD, users=["ann"], lastModificationDate=START + 6000)))
    talk.push(push("threadNewMessage", entries[1]))
    assert talk.events[-1].statuses.keys() == {"ann", "cid"}


@pytest.mark.parametrize("code", [24577, 48, -32603])
def test_a_message_of_a_thread_that_is_not_told_of_is_for_those_known_to_take_part(code: int) -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.world.fails("thread/getThread", *([error(code)] * 3))
    (event,) = talk.push(push("threadNewMessage", message(1, 5000))).events
    assert (event.kind, event.to_participants, event.statuses) == (Kind.SENT, True, {})


def test_it_asks_again_after_a_failure_inside_the_bridge() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.world.fails("thread/getThread", error(-32603))
    assert len(talk.push(push("threadNewMessage", message(1, 5000))).events) == 2
    assert talk.count("thread/getThread") == 2


def test_an_entry_of_an_inbox_has_the_inboxs_title_and_no_sender() -> None:
    world = lunch()
    world.containers["inbox"] = [container(INBOX, publicMeta={"name": "Suggestions"})]
    talk = Talk(privmx(channels="inbox", title_key="name"), world).open()
    entry = message(1, 5000, author="<anonymous>", keyId=f"<inbox-{INBOX}>")
    about, sent = talk.push(push("threadNewMessage", entry)).events
    assert about.title == "Suggestions"
    assert sent.message is not None
    assert (sent.message.sender_id, sent.message.sender_name) == (None, None)
    assert [part.text for part in sent.message.parts] == ["[new entry]"]
    assert sent.statuses == dict.fromkeys(["ann", "ben", "cid"], Rank.SENT)


def test_a_thread_that_was_told_of_before_its_inbox_gets_the_inboxs_title_with_its_first_entry() -> None:
    world = lunch()
    world.containers["inbox"] = [container(INBOX, publicMeta={"name": "Suggestions"})]
    talk = Talk(privmx(channels="thread,inbox", title_key="name"), world).open()
    entries = [message(number, 5000, author="<anonymous>", keyId=f"<inbox-{INBOX}>") for number in (1, 2)]
    talk.push(push("threadCreated", container(THREAD)), *(push("threadNewMessage", entry) for entry in entries))
    assert [event.title for event in talk.events if event.kind is Kind.CONVERSATION] == ["", "Suggestions"]
    assert (talk.count("thread/getThread"), talk.count("inbox/getInbox")) == (1, 1)


def test_who_asked_for_inboxes_only_hears_of_no_other_message() -> None:
    talk = Talk(privmx(channels="inbox"), lunch()).open()
    talk.push(push("threadNewMessage", message(1, 5000)), push("threadStats", {"threadId": THREAD}))
    assert talk.told == []


# What is refused


def test_a_key_without_a_solution_is_refused_for_it_would_hear_nothing() -> None:
    with pytest.raises(RefusedError, match=r"lacks the scopes solution:\*.*PRIVMX_API_KEY_ID"):
        Talk(privmx(), World(scope=("thread", "context"))).open()


def test_a_key_for_one_solution_will_do() -> None:
    talk = Talk(privmx(), lunch())
    talk.world.scope = ("thread", "context", "solution:abc")
    assert talk.open().session.caught_up
    assert "scope" not in talk.params[1]


def test_a_key_without_a_channels_scope_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match="lacks the scopes store, context, "):
        Talk(privmx(channels="thread,store"), World(scope=("thread", "solution:*"))).open()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (24875, "PRIVMX_API_KEY_ID"),
        (24876, "PRIVMX_API_KEY_SECRET"),
        (8, "public key"),
        (40, "clock"),
        (-32601, "version 3"),
    ],
)
def test_a_log_in_that_can_never_succeed_is_refused_with_the_remedy(code: int, remedy: str) -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("manager/auth", error(code))
    with pytest.raises(RefusedError, match=remedy):
        talk.open()


def test_a_log_in_that_fails_for_a_passing_reason_ends_the_connection_only() -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("manager/auth", *([error(-32603)] * 3))
    with pytest.raises(BrokenError, match="code -32603"):
        talk.open()


@pytest.mark.parametrize("told", ["OK", {}, {"accessToken": "x"}, None])
def test_a_log_in_without_a_token_ends_the_connection(told: object) -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("manager/auth", {"result": told})
    with pytest.raises((BrokenError, RefusedError)):
        talk.open()


def test_no_error_holds_a_secret_or_the_bridges_own_words() -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("manager/auth", error(24878, "what ann wrote"), error(24878, "what ann wrote"))
    with pytest.raises(RefusedError) as caught:
        talk.open()
    assert not {"words for people", "what ann wrote", "the-key-secret"} & {str(caught.value)}
    assert "words for people" not in str(RpcError("x", 1))


# What goes wrong on the way


@pytest.mark.parametrize("method", [*OPENING, "thread/listThreads", "thread/listThreadMessages"])
def test_the_rate_limits_answer_makes_it_repeat_the_call_a_second_later(method: str) -> None:
    talk = Talk(privmx(), lunch(message(1, 5000)), {"floor": 1, "newest": 1})
    talk.world.fails(method, LIMITED, LIMITED)
    talk.open()
    assert talk.count(method) == 1
    assert talk.told == []
    talk.wait(0.9)
    assert talk.count(method) == 1
    talk.wait(1.2)
    assert talk.count(method) == 3
    assert talk.session.caught_up
    assert len(talk.told) == 1


@pytest.mark.parametrize("method", ["thread/getThread"])
def test_the_rate_limit_loses_no_message_that_waits(method: str) -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.world.fails(method, LIMITED)
    talk.push(push("threadNewMessage", message(1, 5000)))
    assert talk.told == []
    assert len(talk.wait(1.1).told) == 1


def test_a_call_that_is_never_answered_ends_the_connection() -> None:
    talk = Talk(privmx(), lunch())
    talk.silent = True
    talk.open().wait(14.9)
    with pytest.raises(BrokenError, match=r"did not answer manager/auth within 15 s"):
        talk.wait(0.2)


@pytest.mark.parametrize("frame", ["", "hello", "[]", b"\xff", "[" * 100_000, '{"id": 1, "error": 7}'])
def test_a_frame_that_is_not_of_the_bridge_ends_the_connection(frame: str | bytes) -> None:
    with pytest.raises(BrokenError):
        Talk(privmx(), lunch()).open().frame(frame)


def test_a_frame_that_the_bridge_could_not_read_ends_the_connection() -> None:
    with pytest.raises(BrokenError, match="code -32700"):
        Talk(privmx(), lunch()).open().frame('{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}}')


def test_an_answer_that_nobody_waits_for_is_left() -> None:
    assert Talk(privmx(), lunch()).open().frame('{"id": 9999, "result": "OK"}').told == []


@pytest.mark.parametrize("told", ["OK", {"list": [7]}, {"list": None}])
def test_a_list_of_another_form_ends_the_connection(told: object) -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("thread/listThreads", {"result": told})
    with pytest.raises(BrokenError):
        talk.open()


# The token


def test_it_renews_its_token_in_time_and_binds_it_anew_without_subscribing_again() -> None:
    talk = Talk(privmx(), lunch()).open()
    before = len(talk.asked)
    talk.wait(12 * 60 + 1)
    assert talk.asked[before:] == ["manager/auth", "manager/bindAccessToken"]
    assert talk.params[before] == {"grantType": "refresh_token", "refreshToken": "again"}
    assert len(talk.push(push("threadNewMessage", message(1, 5000))).told) == 1


def test_it_renews_a_short_lived_token_after_four_fifths_of_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.platforms.privmx_cases._token", lambda world, params: _short_lived(world))
    talk = Talk(privmx(), lunch()).open()
    at = talk.session.wake_at()
    assert at is not None
    assert 70 < at - talk.now < 81


def _short_lived(world: World) -> dict[str, object]:
    expiry = START + 100_000
    told = {"accessToken": "t", "accessTokenExpiry": expiry, "refreshToken": "r", "scope": list(world.scope)}
    return {"result": told}


def test_it_sleeps_while_the_rate_limit_outlasts_the_token_before_it_has_subscribed() -> None:
    talk = Talk(privmx(), lunch())
    talk.world.fails("manager/subscribeToChannel", *([LIMITED] * 1000))
    end, wakes = talk.open().now + 13 * 60, 0
    while talk.now < end and wakes < 1000:
        talk.now = max(talk.now, talk.session.wake_at() or end)
        talk._took(talk.session.wake(talk.now))
        wakes += 1
    assert talk.now >= end


@pytest.mark.parametrize("code", [21, 24879])
def test_it_logs_in_anew_where_its_refresh_token_does_not_do_any_more(code: int) -> None:
    talk = Talk(privmx(), lunch()).open()
    before = len(talk.asked)
    talk.world.fails("manager/auth", error(code))
    talk.wait(12 * 60 + 1)
    assert talk.asked[before:] == ["manager/auth", "manager/auth", "manager/bindAccessToken"]
    assert talk.params[before + 1]["grantType"] == "api_key_credentials"


@pytest.mark.parametrize("method", ["thread/getThread"])
def test_a_call_that_finds_the_token_dead_is_repeated_with_a_new_one(method: str) -> None:
    talk = Talk(privmx(), lunch()).open()
    before = len(talk.asked)
    talk.world.fails(method, error(24879))
    assert len(talk.push(push("threadNewMessage", message(1, 5000))).told) == 1
    assert talk.asked[before:] == [method, "manager/auth", "manager/bindAccessToken", method]


def test_two_calls_that_find_the_token_dead_renew_it_once() -> None:
    world = lunch()
    world.containers["thread"].append(container("other"))
    talk = Talk(privmx(), world).open()
    world.fails("thread/getThread", error(24879), error(24879))
    talk.silent = True
    talk.push(*(push("threadNewMessage", message(1, 5000, thread)) for thread in (THREAD, "other"))).answers()
    assert len(talk.told) == 2
    assert talk.count("manager/auth") == 2


def test_tokens_that_are_always_dead_end_the_connection() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.world.fails("thread/getThread", *([error(24879)] * 3))
    with pytest.raises(BrokenError, match="code 24879"):
        talk.push(push("threadNewMessage", message(1, 5000)))


def test_pushes_are_told_while_the_token_is_renewed() -> None:
    talk = Talk(privmx(), lunch()).open().push(push("threadNewMessage", message(1, 5000)))
    talk.silent = True
    talk.wait(12 * 60 + 1).push(push("threadNewMessage", message(2, 6000)))
    assert len(talk.told) == 2


def test_a_key_that_was_disabled_meanwhile_is_refused() -> None:
    talk = Talk(privmx(), lunch()).open()
    talk.world.fails("manager/auth", error(24875))
    with pytest.raises(RefusedError, match="disabled"):
        talk.wait(12 * 60 + 1)
