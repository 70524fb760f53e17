"""看看大家的手气 over HTTP: every viewer, kind and state (Spec 2.4)."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from kit.http.caller import Caller
from packets import close, freeze, grab, members, pay, profiles, refund
from packets.models import RedPacket, Share
from packets.states import Kind
from payments.states import PayType
from testing.make import end, make_group, make_order, make_packet, make_wallet, report, user

VIEWERS = ("alice", "bob", "carol", "eve")  # sender, taker, other member, outsider
STATES = {
    "awaiting": "open",
    "frozen": "open",
    "refunded": "expired",
    "credited late": "open",
}

# What each viewer sees; who is not named gets 404. `money`: total and taken amounts.
LUCKY = {
    "unpaid": {"alice": "money pay"},
    "closed": {"alice": "money"},
    "open": {"alice": "money takers grab", "bob": "mine takers", "carol": "grab"},
    "awaiting": {"alice": "money takers grab", "bob": "mine takers", "carol": "grab"},
    "finished": {
        "alice": "money takers luck seed time",
        "bob": "money mine takers luck seed time",
        "carol": "money takers luck seed time",
    },
    "expired": {"alice": "money takers", "bob": "mine takers", "carol": "takers"},
    "refunded": {"alice": "money takers returned", "bob": "mine takers", "carol": "takers"},
    "void": {"alice": "money takers", "bob": "mine takers"},
    "frozen": {"alice": "money takers", "bob": "mine takers", "carol": ""},
}
# Equal amounts have nothing to hide, and no luck.
EQUAL = {
    state: {
        viewer: " ".join(sorted({*words.split(), "money"} - {"luck", "seed"}))
        for viewer, words in viewers.items()
    }
    for state, viewers in LUCKY.items()
}
PERSONAL = {
    "unpaid": {"alice": "money pay"},
    "closed": {"alice": "money"},
    "open": {"alice": "money", "bob": "money grab"},
    "awaiting": {"alice": "money", "bob": "money grab"},
    "finished": {"alice": "money takers time", "bob": "money mine takers time"},
    "expired": {"alice": "money", "bob": "money"},
    "refunded": {"alice": "money returned", "bob": "money"},
    "void": {"alice": "money"},
    "frozen": {"alice": "money", "bob": "money"},
}
TABLE = [
    (kind, state)
    for kind, table in ((Kind.LUCKY, LUCKY), (Kind.EQUAL, EQUAL), (Kind.PERSONAL, PERSONAL))
    for state in table
]


def make(kind: Kind, state: str) -> RedPacket:
    """A packet of alice's in this state; where somebody took a share, bob did."""
    make_group("alice", "bob", "carol")
    lifetime = timedelta(seconds=settings.REDPACKET_EXPIRE_S)
    is_late = state in ("expired", "refunded", "closed")
    made = timezone.now() - (lifetime + timedelta(minutes=1) if is_late else timedelta(seconds=5))
    number, for_id = (1, "bob") if kind is Kind.PERSONAL else (2, "g1")
    packet = make_packet(kind, number, "5.00", for_id=for_id, now=made)
    if state == "closed":
        close.close(packet=packet, now=timezone.now())
    if state in ("unpaid", "closed"):
        return packet
    if state in ("awaiting", "void"):
        order = make_order(packet, PayType.WECHAT)
        report(order, made)
    else:
        make_wallet("alice", f"{packet.total_money:.2f}")
        pay.by_balance(public_id=packet.public_id, caller=Caller("alice"), now=made)
    takers = [] if kind is Kind.PERSONAL else ["bob"]
    if state == "finished":
        takers = ["bob"] if kind is Kind.PERSONAL else ["bob", "dave"]
        make_group("alice", "bob", "carol", "dave")
    for seconds, taker in enumerate(takers, start=1):
        now = made + timedelta(seconds=seconds)
        grab.grab(public_id=packet.public_id, caller=Caller(taker), now=now)
    if state == "refunded":
        assert refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    if state == "frozen":
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
    if state == "void":
        assert end(order, timezone.now())
    return packet


def seen(packet: dict) -> set[str]:
    """The words of the table for what this answer shows."""
    assert (packet["total_money"] is None) == (packet["taken_money"] is None)
    assert (packet["return_money"] is None) == (packet["return_time"] is None)
    assert (packet["seed"] is None) == all(share["position"] is None for share in packet["shares"])
    goods = [share["is_good"] for share in packet["shares"]]
    if packet["mine"]:
        goods.append(packet["mine"]["is_good"])
    assert len({good is None for good in goods}) <= 1
    shown = {
        "money": packet["total_money"] is not None,
        "mine": packet["mine"] is not None,
        "takers": bool(packet["shares"]),
        "luck": any(good is not None for good in goods),
        "seed": packet["seed"] is not None,
        "time": packet["expend_time"] is not None,
        "returned": packet["return_money"] is not None,
    }
    return {word for word, is_shown in shown.items() if is_shown} | set(packet["actions"])


@pytest.mark.parametrize(("kind", "state"), TABLE)
def test_who_sees_what(kind, state):
    packet = make(kind, state)
    expected = {Kind.LUCKY: LUCKY, Kind.EQUAL: EQUAL, Kind.PERSONAL: PERSONAL}[kind][state]

    for viewer in VIEWERS:
        response = user(viewer).get(f"packets/{packet.public_id}")
        if viewer not in expected:
            assert response.status_code == 404, viewer
            continue
        shown = response.json()
        assert seen(shown) == set(expected[viewer].split()), (viewer, shown)
        assert shown["state"] == STATES.get(state, state)
        assert shown["is_frozen"] == (state == "frozen")
        assert shown["commitment"] is None or kind is Kind.LUCKY
        assert (shown["single_money"] is None) == (kind is Kind.LUCKY)
        assert shown["taken_number"] == Share.objects.exclude(user_id=None).count()


@pytest.mark.parametrize("state", ["awaiting", "void"])
def test_own_share_is_uncredited_until_the_payment_arrives(state):
    packet = make(Kind.LUCKY, state)

    shown = user("bob").get(f"packets/{packet.public_id}").json()

    assert shown["mine"]["is_into_account"] is False
    assert shown["pay_status"] == "awaiting"
    assert (shown["headline"] == "付款未到账，红包已作废") == (state == "void")


def test_finished_page_in_full():
    packet = make(Kind.LUCKY, "finished")
    profiles.put(user_id="bob", nickname="小宝🧧", avatar="https://chat.example/bob.png")
    rows = {share.user_id: share for share in Share.objects.all()}

    shown = user("carol").get(f"packets/{packet.public_id}").json()

    assert [share["user"]["user_id"] for share in shown["shares"]] == [
        "dave",
        "bob",
    ]  # newest first
    assert shown["shares"][1]["user"] == {
        "user_id": "bob",
        "nickname": "小宝🧧",
        "avatar": "https://chat.example/bob.png",
    }
    assert shown["shares"][0]["user"] == {"user_id": "dave", "nickname": None, "avatar": None}
    for share in shown["shares"]:
        row = rows[share["user"]["user_id"]]
        assert share["money"] == f"{row.money:.2f}"
        assert share["is_good"] is row.is_good
        assert share["update_time"] == timezone.localtime(row.update_time).isoformat()
        assert share["position"] == row.position
    assert sum(share["is_good"] for share in shown["shares"]) == 1
    assert shown["total_money"] == shown["taken_money"] == "5.00"
    assert shown["expend_time"] == 2
    assert shown["headline"] == "2个红包共5.00元，2秒被抢光"
    assert shown["seed"] == RedPacket.objects.get().seed
    english = user("carol", "en").get(f"packets/{packet.public_id}").json()
    assert english["headline"] == "2 packets, 5.00 yuan in all, gone in 2 seconds"
    assert {**english, "headline": ""} == {**shown, "headline": ""}


def test_sender_and_takers_keep_seeing_it_after_leaving_but_cannot_grab():
    packet = make(Kind.LUCKY, "open")
    path = f"packets/{packet.public_id}"
    for name in ("alice", "bob", "carol"):
        members.remove(group_id="g1", user_id=name)

    assert user("alice").get(path).json()["actions"] == []
    assert user("bob").get(path).json()["mine"]
    assert user("carol").get(path).status_code == 404
    assert user("bob").post(f"{path}/grab").json()["outcome"] == "already_grabbed"
    assert user("alice").post(f"{path}/grab").status_code == 404
    assert user("carol").post(f"{path}/grab").status_code == 404


def test_sender_is_told_when_the_rest_came_back():
    packet = make(Kind.LUCKY, "expired")
    assert user("alice").get(f"packets/{packet.public_id}").json()["return_time"] is None
    now = timezone.now()

    refund.refund_expired(rp_id=packet.pk, now=now)

    sent = user("alice").get("packets?box=sent").json()["results"]
    assert sent[0]["return_time"] == timezone.localtime(now).isoformat()
    for viewer, told in (("alice", sent[0]["return_time"]), ("bob", None), ("carol", None)):
        shown = user(viewer).get(f"packets/{packet.public_id}").json()
        assert shown["return_time"] == told
    received = user("bob").get("packets?box=received").json()["results"]
    assert (received[0]["return_money"], received[0]["return_time"]) == (None, None)


def test_lists_tell_what_is_frozen():
    frozen, other = make(Kind.LUCKY, "frozen"), make(Kind.LUCKY, "open")

    for viewer, box in (("alice", "sent"), ("bob", "received")):
        found = user(viewer).get(f"packets?box={box}").json()["results"]
        assert {packet["id"]: packet["is_frozen"] for packet in found} == {
            frozen.public_id: True,
            other.public_id: False,
        }


def test_seed_and_untaken_amounts_are_nowhere_in_an_open_or_expired_packet():
    for state in ("open", "expired"):
        packet = make(Kind.LUCKY, state)
        secret = RedPacket.objects.get(pk=packet.pk).seed
        untaken = Share.objects.get(rp=packet, user_id=None)
        hidden = {f"{untaken.money:.2f}", secret, "5.00"}

        for viewer in ("bob", "carol"):
            shown = user(viewer).get(f"packets/{packet.public_id}").json()
            mine = shown.pop("mine")
            del shown["shares"]
            assert hidden.isdisjoint(map(str, shown.values()))
            assert mine is None or secret not in str(mine)


def test_paid_personal_packet_is_not_its_senders_to_grab():
    """In the answer to `pay` neither; a group's packet is."""
    make_group("alice", "u1")
    make_wallet("alice", "3.00")
    own = make_packet(Kind.PERSONAL, 1, "1.00", for_id="bob")
    shared = make_packet(Kind.EQUAL, 2, "1.00")

    answers = [
        user("alice").post(f"packets/{packet.public_id}/pay", {"pay_type": "balance"}).json()
        for packet in (own, shared)
    ]

    assert [answer["packet"]["actions"] for answer in answers] == [[], ["grab"]]
    assert user("alice").get(f"packets/{own.public_id}").json()["actions"] == []
    assert user("bob").get(f"packets/{own.public_id}").json()["actions"] == ["grab"]
