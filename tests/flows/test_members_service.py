"""Membership asked of the chat server over HTTP: only its clear yes is one."""

import pytest
from django.core.cache import caches

from kit.plumbing import redis
from testing.make import make_paid_packet, user
from testing.other_side import There

WISH = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "1.00"}


@pytest.fixture
def chat(settings):
    """Answers what it is told to; remembers what it was asked."""
    server = There()
    server.says = {"members": (204, b""), "number": (200, b'{"number": 5}')}

    def answer(asked):
        status, body = server.says["members" if "/members/" in asked.path else "number"]
        return status, {}, body

    server.answer = answer
    settings.REDPACKET_MEMBERS_URL = f"{server.start().url}/chat"
    yield server
    server.stop()


def grab(chat, status: int, body: bytes = b""):
    """Bob's try at a packet of the group, with this answer about him."""
    packet = make_paid_packet(number=1, money="1.00")
    caches["process"].clear()
    chat.says["members"] = (status, body)
    return user("bob").post(f"packets/{packet.public_id}/grab")


def test_only_204_makes_a_member(chat):
    assert grab(chat, 204).json()["outcome"] == "grabbed"


def test_404_is_an_outsider(chat):
    assert grab(chat, 404).status_code == 404


@pytest.mark.parametrize("status", [200, 201, 202, 206, 301, 302, 401, 403, 500, 503])
def test_whatever_else_it_says_is_no_answer(chat, status):
    refused = grab(chat, status, b"<html>please log in</html>")

    assert refused.status_code == 503
    assert refused["Retry-After"]


@pytest.mark.parametrize(
    "said",
    [
        *((200, body) for body in (b"", b"{", b"[]", b"5", b'{"number": "5"}', b'{"number": 1.5}')),
        *((status, b'{"number": 5}') for status in (204, 302, 500)),
    ],
)
def test_a_number_that_is_none_is_no_answer(chat, said):
    chat.says["number"] = said

    assert user("alice").post("packets", WISH, key="k").status_code == 503


def test_ids_stay_within_their_step_of_the_path(chat):
    odd = "a:b@c.d-e_F"
    chat.says["members"] = (404, b"")

    user(odd).post("packets", WISH | {"for_id": "..a"}, key="k")

    assert [asked.path for asked in chat.asked] == ["/chat/groups/..a/members/a%3Ab%40c.d-e_F"]


def test_an_answer_is_remembered_for_seconds(chat):
    for key in "ab":
        user("alice").post("packets", WISH, key=key)

    assert len(chat.asked) == 2  # a member? how many?


def test_its_silence_without_redis_is_a_503_and_no_traceback(settings, caplog):
    settings.REDPACKET_MEMBERS_URL = "http://127.0.0.1:1"
    if redis.is_configured():
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        redis.breaker.failed()

    answer = user("alice").post("packets", WISH, key="k")

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert not [record for record in caplog.records if record.exc_info]
