"""What a chat shows of its packets: each word, for each viewer, kind and state."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from kit.http import throttle
from kit.http.caller import Caller
from packets import freeze, grab, members, profiles
from packets.models import RedPacket
from packets.states import Kind
from packets.tests.test_costs import statements
from testing.make import end, make_group, make_packet, make_paid_packet, make_reported_packet, user
from tests.flows.test_results import VIEWERS, make

# In the order of VIEWERS: sender, taker (of a personal one the addressee), member, outsider.
GROUP = {
    "unpaid": ("unpaid", None, None, None),
    "closed": (None, None, None, None),
    "open": ("open", "taken", "open", None),
    "awaiting": ("open", "taken", "open", None),
    "finished": ("gone", "taken", "gone", None),
    "expired": ("expired", "taken", "expired", None),
    "refunded": ("expired", "taken", "expired", None),
    "void": ("void", "void", None, None),
    "frozen": ("frozen", "frozen", "frozen", None),
}
PERSONAL = {
    "unpaid": ("unpaid", None, None, None),
    "closed": (None, None, None, None),
    "open": ("open", "open", None, None),
    "awaiting": ("open", "open", None, None),
    "finished": ("taken", "taken", None, None),
    "expired": ("expired", "expired", None, None),
    "refunded": ("expired", "expired", None, None),
    "void": ("void", None, None, None),
    "frozen": ("frozen", "frozen", None, None),
}
TABLE = [
    (kind, state, words)
    for kind, table in ((Kind.LUCKY, GROUP), (Kind.EQUAL, GROUP), (Kind.PERSONAL, PERSONAL))
    for state, words in table.items()
]


def told(viewer: str, *packets: RedPacket) -> list[dict]:
    ids = ",".join(packet.public_id for packet in packets)
    return user(viewer).get(f"packets/bubbles?ids={ids}").json()["results"]


def word(viewer: str, packet: RedPacket) -> str | None:
    found = told(viewer, packet)
    return found[0]["bubble"] if found else None


@pytest.mark.parametrize(("kind", "state", "words"), TABLE)
def test_each_word(kind, state, words):
    packet = make(kind, state)

    assert tuple(word(viewer, packet) for viewer in VIEWERS) == words


def test_bubble_in_full():
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    profiles.put(user_id="alice", nickname="爱丽丝", avatar="https://chat.example/alice.png")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())

    assert told("u2", packet) == [
        {
            "id": packet.public_id,
            "type": "lucky",
            "intro": "恭喜发财，大吉大利",
            "number": 3,
            "taken_number": 1,
            "sender": {
                "user_id": "alice",
                "nickname": "爱丽丝",
                "avatar": "https://chat.example/alice.png",
            },
            "bubble": "open",
        }
    ]


# --- which word goes before which


def test_frozen_goes_before_all_others():
    make_group("alice", "bob")
    taken = make_paid_packet(Kind.EQUAL, 1, "1.00")
    grab.grab(public_id=taken.public_id, caller=Caller("bob"), now=timezone.now())
    void, order = make_reported_packet(Kind.EQUAL, 1, "1.00")
    end(order, timezone.now())
    draft, expired = make_packet(Kind.LUCKY, 2), make(Kind.EQUAL, "expired")
    for packet in (taken, void, draft, expired):
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    words = [[found["bubble"] for found in told("alice", taken, void, draft, expired)]]
    words += [[found["bubble"] for found in told("bob", taken, void, draft, expired)]]

    assert words == [["frozen"] * 4, ["frozen"] * 2]  # neither the void one nor the draft is his


def test_frozen_draft_past_its_time_is_left_out():
    late = timezone.now() - timedelta(seconds=settings.REDPACKET_DRAFT_S)
    drafts = [make_packet(now=made) for made in (timezone.now(), late)]
    for packet in drafts:
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    assert [word("alice", packet) for packet in drafts] == ["frozen", None]


def test_void_goes_before_taken():
    make_group("alice", "bob")
    packet, order = make_reported_packet(Kind.PERSONAL, 1, "1.00", for_id="bob")
    grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=timezone.now())
    assert (word("alice", packet), word("bob", packet)) == ("taken", "taken")

    end(order, timezone.now())

    assert (word("alice", packet), word("bob", packet)) == ("void", "void")


def test_taken_goes_before_gone_and_expired():
    assert word("bob", make(Kind.EQUAL, "finished")) == "taken"
    assert word("bob", make(Kind.EQUAL, "expired")) == "taken"


def test_sender_of_a_groups_packet_who_took_a_share_has_taken():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    assert word("alice", packet) == "open"

    grab.grab(public_id=packet.public_id, caller=Caller("alice"), now=timezone.now())

    assert word("alice", packet) == "taken"


def test_who_left_keeps_what_he_sent_or_took_and_nothing_else():
    packet = make(Kind.LUCKY, "open")
    for name in ("alice", "bob", "carol"):
        members.remove(group_id="g1", user_id=name)

    assert [word(viewer, packet) for viewer in VIEWERS] == ["open", "taken", None, None]


# --- the question


def test_answers_come_in_the_order_asked_each_once():
    first, second = (make_paid_packet(Kind.EQUAL, 1, "1.00") for _ in range(2))

    found = told("u1", second, first, second)

    assert [bubble["id"] for bubble in found] == [second.public_id, first.public_id]


def test_what_is_not_for_the_caller_cannot_be_told_from_what_is_not_there():
    mine, others = make_paid_packet(Kind.EQUAL, 1, "1.00"), make(Kind.PERSONAL, "open")
    make_group("alice", "carol")
    ids = f"rp_{'a' * 26},nonsense,%F0%9F%A7%A7,%00,{others.public_id},{mine.public_id}"

    found = user("carol").get(f"packets/bubbles?ids={ids}").json()["results"]

    assert [bubble["id"] for bubble in found] == [mine.public_id]


@pytest.mark.parametrize(
    "query", ["", "?ids=", "?ids=,", "?ids=a,,b", "?ids=a,", "?ids=" + ",".join("a" * 51)]
)
def test_none_or_more_than_fifty_ids(query):
    response = user("alice").get(f"packets/bubbles{query}")

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert response.json()["errors"] == {"ids": ["1..50"]}


def test_fifty_ids_are_answered_by_as_many_statements_as_one(monkeypatch):
    packets = [make_paid_packet(Kind.EQUAL, 1, "1.00", now=timezone.now()) for _ in range(47)]
    packets += [make_paid_packet(Kind.PERSONAL, 1, "1.00", for_id="u1") for _ in range(3)]
    sent = {}

    for number in (1, 50):
        with statements() as sent[number]:
            assert len(told("u1", *packets[:number])) == number

    # The packets, their taken shares, the caller's groups, the senders' profiles.
    assert sent == {1: ["SELECT"] * 4, 50: ["SELECT"] * 4}


def test_it_counts_like_any_other_reading(settings, monkeypatch):
    settings.REDPACKET_THROTTLE = True
    counted = []
    monkeypatch.setattr(throttle, "check", lambda rate, user_id: counted.append((rate, user_id)))

    user("alice").get("packets/bubbles?ids=a")
    user("alice").get("session")
    user("alice").get("groups/g1")

    assert counted == [(throttle.GET, "alice")] * 3
