"""Who a user is, who is in a room, and what it is called: what is asked, and how answers are read."""

import pytest

from notifier.platforms.base import Done, Identity, Later, No, Roster
from notifier.wire import Answer, Failure, Request
from tests.platforms.matrix_cases import (
    ANN,
    AS_TOKEN,
    BEN,
    ROOM,
    SERVER,
    answer,
    ends,
    matrix,
    path_of,
    query_of,
    refusal,
)

ELSEWHERE = "@eve:elsewhere.test"
NOT_OURS = "Application service has not registered this user (@x:chat.test)"
OUTSIDE = "Application service cannot masquerade as this user (@x:chat.test)."
IN_ROOM = answer(200, {"joined": {ANN: {"display_name": "Ann"}, BEN: {}, ELSEWHERE: {}}})
MISSING, HIDDEN, ERASED = refusal(404, "M_NOT_FOUND"), refusal(403, "M_FORBIDDEN"), refusal(404, "M_UNKNOWN")


def threepids(*addresses: object, medium: str = "msisdn") -> Answer:
    return answer(200, {"threepids": [{"medium": medium, "address": address} for address in addresses]})


def identity(*answers: Answer) -> object:
    return ends(matrix().identity_steps(BEN), *answers)[0]


def test_a_user_is_asked_for_in_his_own_name_with_the_token_in_the_header() -> None:
    found, (phone, profile) = ends(
        matrix().identity_steps(BEN), threepids("12025550123"), answer(200, {"displayname": "Ben"})
    )
    assert found == Done(Identity(user_id=BEN, name="Ben", phone="+12025550123"))
    headers = {"Accept": "application/json", "Authorization": f"Bearer {AS_TOKEN}"}
    assert phone == Request("GET", f"{SERVER}/_matrix/client/v3/account/3pid?user_id=%40ben%3Achat.test", headers)
    assert profile.url == f"{SERVER}/_matrix/client/v3/profile/%40ben%3Achat.test?user_id=%40ben%3Achat.test"


@pytest.mark.parametrize(
    ("told", "phone"),
    [
        (threepids("12025550123"), "+12025550123"),
        (threepids("+12025550123"), "+12025550123"),
        (threepids("+1 (202) 555-0123"), "+12025550123"),
        (threepids("", "abc", 7, None, "12025550123", "12025550199"), "+12025550123"),
        (threepids("ben@example.org", medium="email"), ""),
        (answer(200, {"threepids": [7]}), ""),
        (answer(200, {}), ""),
    ],
)
def test_the_phone_is_the_first_one_of_the_account_with_or_without_plus(told: Answer, phone: str) -> None:
    assert identity(told, answer(200, {"displayname": "Ben"})) == Done(Identity(user_id=BEN, name="Ben", phone=phone))


@pytest.mark.parametrize("profile", [answer(200, {}), answer(200, {"displayname": " "}), MISSING, HIDDEN, ERASED])
def test_who_shows_no_name_is_called_by_his_id(profile: Answer) -> None:
    assert identity(threepids(), profile) == Done(Identity(user_id=BEN, name="ben"))


def test_everything_else_of_the_profile_is_custom() -> None:
    found = identity(threepids(), answer(200, {"displayname": "Ben\0", "m.tz": "Europe/London"}))
    assert found == Done(Identity(user_id=BEN, name="Ben", custom={"m.tz": "Europe/London"}))


@pytest.mark.parametrize("unknown", [refusal(403, "M_FORBIDDEN", NOT_OURS), MISSING])
def test_an_unknown_user_is_an_answer(unknown: Answer) -> None:
    assert identity(unknown) == Done(None)


def test_a_user_whom_the_registration_leaves_out_is_not_taken_for_unknown() -> None:
    found = identity(refusal(403, "M_FORBIDDEN", OUTSIDE))
    assert isinstance(found, No)
    assert "namespaces" in found.reason


def test_a_profile_that_cannot_be_had_now_is_asked_for_later() -> None:
    assert identity(threepids("12025550123"), Failure(False, "refused")) == Later("refused")


def roster(*answers: Answer, users: list[str] | None = None) -> tuple[object, list[Request]]:
    return ends(matrix().roster_steps(ROOM, users or [ANN]), *answers)


def test_a_room_is_asked_for_its_people_name_and_encryption_as_one_of_ours() -> None:
    found, requests = roster(
        IN_ROOM,
        answer(200, {"name": "Tea"}),
        answer(200, {"algorithm": "x"}),
        users=[ELSEWHERE, "@smsbridge:chat.test", ANN],
    )
    assert found == Done(Roster(users=[ANN, BEN, ELSEWHERE], title="Tea", encrypted=True))
    assert [path_of(request).removeprefix(f"v3/rooms/{ROOM}/") for request in requests] == [
        "joined_members",
        "state/m.room.name",
        "state/m.room.encryption",
    ]
    assert {query_of(request)["user_id"] for request in requests} == {ANN}


def test_a_room_without_a_name_is_known_by_its_address() -> None:
    found, _ = roster(IN_ROOM, MISSING, answer(200, {"alias": "#tea:chat.test"}), MISSING)
    assert found == Done(Roster(users=[ANN, BEN, ELSEWHERE], title="#tea:chat.test", encrypted=False))


def test_a_room_may_have_neither() -> None:
    found, _ = roster(IN_ROOM, MISSING, MISSING, MISSING)
    assert found == Done(Roster(users=[ANN, BEN, ELSEWHERE], title="", encrypted=False))


def test_who_has_left_is_not_asked_further_but_the_next_one() -> None:
    found, requests = roster(HIDDEN, IN_ROOM, answer(200, {"name": "Tea"}), MISSING, users=[BEN, ANN])
    assert isinstance(found, Done)
    assert [query_of(request)["user_id"] for request in requests] == [BEN, ANN, ANN, ANN]


@pytest.mark.parametrize("away", [Failure(False, "refused"), answer(502), refusal(429, "M_LIMIT_EXCEEDED")])
def test_nobody_is_given_up_while_the_homeserver_is_away(away: Answer) -> None:
    assert isinstance(roster(away, users=[ELSEWHERE])[0], Later)


def test_nobody_may_be_able_to_tell() -> None:
    assert roster(HIDDEN, HIDDEN)[0] == Done(None)
    assert roster(HIDDEN, users=[ELSEWHERE])[0] == Done(None)


def test_where_our_user_is_an_administrator_he_finds_one_of_ours_who_was_never_heard_of() -> None:
    """Such as when a user of another server was the first to write."""
    listed = answer(200, {"members": [ELSEWHERE, 7, BEN], "total": 3})
    found, requests = roster(listed, IN_ROOM, answer(200, {"name": "Tea"}), MISSING, users=[ELSEWHERE])
    assert found == Done(Roster(users=[ANN, BEN, ELSEWHERE], title="Tea", encrypted=False))
    assert path_of(requests[0]) == f"/_synapse/admin/v1/rooms/{ROOM}/members"
    assert [query_of(request).get("user_id") for request in requests] == [None, BEN, BEN, BEN]


@pytest.mark.parametrize(
    "given",
    [
        [Failure(False, "refused")],
        [IN_ROOM, Failure(False, "refused"), MISSING],
        [IN_ROOM, MISSING, Failure(False, "refused"), MISSING],
        [IN_ROOM, MISSING, MISSING, Failure(False, "refused")],
    ],
)
def test_what_cannot_be_told_now_is_asked_later(given: list[Answer]) -> None:
    assert roster(*given)[0] == Later("refused")


@pytest.mark.parametrize(
    ("told", "title"), [(answer(200, {"name": " Tea "}), "Tea"), (answer(200, {}), ""), (MISSING, ""), (HIDDEN, "")]
)
def test_a_rooms_name_is_its_title(told: Answer, title: str) -> None:
    platform = matrix()
    assert path_of(platform.conversation_request(ROOM)) == f"v3/rooms/{ROOM}/state/m.room.name"
    assert platform.conversation_title(told) == Done(title)


@pytest.mark.parametrize(
    ("refused", "remedy"),
    [
        (refusal(401, "M_UNKNOWN_TOKEN"), "MATRIX_AS_TOKEN"),
        (refusal(401, "M_MISSING_TOKEN"), "MATRIX_AS_TOKEN"),
        (refusal(404, "M_UNRECOGNIZED"), "MATRIX_HOMESERVER_URL"),
        (answer(404), "MATRIX_HOMESERVER_URL"),
        (answer(301, location="https://elsewhere"), "redirects are not followed"),
    ],
)
def test_it_tells_the_operator_what_to_do_about_a_refusal(refused: Answer, remedy: str) -> None:
    reading = matrix().conversation_title(refused)
    assert isinstance(reading, No)
    assert remedy in reading.reason


@pytest.mark.parametrize("code", ["what ann wrote", "M_" + "X" * 100, 7, None])
def test_it_repeats_no_prose_of_an_answer(code: object) -> None:
    reading = matrix().posted(answer(418, {"errcode": code, "error": "ann wrote private words"}))
    assert reading == No("The homeserver answered 418: it would be refused again")


@pytest.mark.parametrize(
    ("limited", "after"),
    [
        (refusal(429, "M_LIMIT_EXCEEDED", retry_after_ms=2500), 2.5),
        (answer(429, {"retry_after_ms": 2500}, **{"retry-after": "3"}), 3.0),
        (answer(429, {"retry_after_ms": "soon"}), None),
    ],
)
def test_it_waits_as_long_as_the_homeserver_wants(limited: Answer, after: float | None) -> None:
    reading = matrix().posted(limited)
    assert isinstance(reading, Later)
    assert reading.after == after
