"""The exclusive packet (专属红包) over HTTP: each share is its person's from the start."""

import json
from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from kit.http import middleware
from kit.http.caller import Caller
from kit.models import Event
from packets import freeze, grab, members, profiles, refund, settle
from packets.models import RedPacket, Share
from packets.states import Kind
from packets.tests.test_costs import statements
from redpacket_site import wsgi
from sandbox.management.commands.token import token
from testing import make
from testing.make import user
from wallets import freeze as wallet_freeze
from wallets.models import LedgerLine, Wallet

WISH = {"type": "exclusive", "for_id": "g1", "for_users": ["bob", "carol"], "single_money": "2.50"}
NAMED = ("bob", "carol")


@pytest.fixture(autouse=True)
def group():
    make.make_group("alice", "bob", "carol", "dave")
    profiles.put(user_id="bob", nickname="小宝", avatar="")


@pytest.fixture(params=["Redis", "no Redis", "Django alone"])
def way(request, settings, monkeypatch):
    """Whoever decides a grab: the door in front, the table, or Django's door with Redis."""
    if request.param == "no Redis":
        settings.REDIS_URL = ""
    if request.param == "Django alone":
        monkeypatch.setattr(wsgi, "application", wsgi.django)


def paid(*names: str, **facts) -> RedPacket:
    return make.make_paid_packet(Kind.EXCLUSIVE, money="2.50", for_users=names or NAMED, **facts)


def taken(packet: RedPacket, *names: str) -> RedPacket:
    for name in names:
        grab.grab(public_id=packet.public_id, caller=Caller(name), now=timezone.now())
    return packet


def grabbed(name: str, packet: RedPacket) -> str:
    """The outcome, or the code of the refusal, as a server hears it from the application."""
    middleware.hosts.add("localhost")
    headers = {"Authorization": f"Bearer {token(name, 3600)}", "Host": "localhost"}
    path = f"/api/v1/packets/{packet.public_id}/grab"
    response = wsgi.application(
        RequestFactory().post(path, headers=headers).environ, lambda *_: None
    )
    answer = json.loads(b"".join(response))
    if not isinstance(response, list):  # Django's
        response.close()
    return answer.get("outcome") or answer["code"]


def holders() -> list[tuple[str, str | None]]:
    return list(Share.objects.order_by("position").values_list("for_user", "user_id"))


# --- putting money in


def test_position_i_is_the_ith_persons_from_the_start():
    draft = user("alice").post("packets", WISH).json()

    assert (draft["type"], draft["for_users"]) == ("exclusive", ["bob", "carol"])
    assert (draft["number"], draft["single_money"], draft["total_money"]) == (2, "2.50", "5.00")
    assert holders() == [("bob", None), ("carol", None)]
    assert user("alice").get(f"packets/{draft['id']}").json() == draft


def test_number_may_be_said_too():
    assert user("alice").post("packets", WISH | {"number": 2}).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"for_users": []}, "for_users"),
        ({"for_users": [f"u{i}" for i in range(11)]}, "for_users"),
        ({"for_users": None}, "for_users"),
        ({"for_users": "bob"}, "for_users"),
        ({"for_users": ["bob", "a b"]}, "for_users.1"),
        ({"for_users": ["bob", 7]}, "for_users.1"),
        ({"for_users": ["bob", "carol", "bob"]}, "for_users.2"),
        ({"for_users": ["bob", "alice"]}, "for_users.1"),
        ({"for_users": ["eve", "bob"]}, "for_users.0"),
        ({"for_users": ["Bob"]}, "for_users.0"),  # another user than bob
        ({"number": 1}, "number"),
        ({"number": 3}, "number"),
        ({"number": 0}, "number"),
        ({"total_money": "5.00"}, "total_money"),
        ({"single_money": "200.01"}, "single_money"),
        ({"single_money": "0.00"}, "single_money"),
        ({"type": "equal", "number": 2}, "for_users"),
        ({"type": "lucky", "number": 2, "total_money": "5.00", "single_money": None}, "for_users"),
        ({"type": "personal", "for_id": "bob"}, "for_users"),
    ],
)
def test_bad_wish_is_named(change, field):
    wish = {name: value for name, value in (WISH | change).items() if value is not None}
    wish |= {"for_users": None} if change.get("for_users", "") is None else {}

    answer = user("alice").post("packets", wish)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert field in answer.json()["errors"], answer.json()
    assert not RedPacket.objects.exists()


@pytest.mark.parametrize("missing", ["for_users", "single_money"])
def test_what_is_missing_is_named(missing):
    wish = {name: value for name, value in WISH.items() if name != missing}

    assert list(user("alice").post("packets", wish).json()["errors"]) == [missing]


def test_group_of_others_is_not_found():
    assert user("eve").post("packets", WISH).status_code == 404
    assert user("alice").post("packets", WISH | {"for_id": "g2"}).status_code == 404


def test_ten_people_are_the_most():
    names = [f"u{i}" for i in range(10)]
    make.make_group("alice", *names)

    draft = user("alice").post("packets", WISH | {"for_users": names}).json()

    assert (draft["number"], draft["total_money"]) == (10, "25.00")


# --- who takes what


def test_each_takes_his_own_and_nobody_else_anything(way):
    packet = paid()

    outcomes = [grabbed(name, packet) for name in ("dave", "alice", "carol", "carol", "bob", "eve")]

    assert outcomes == [
        *("not_for_you", "not_for_you", "grabbed", "already_grabbed", "grabbed", "not_found"),
    ]
    assert holders() == [("bob", "bob"), ("carol", "carol")]
    assert {row.user_id: row.balance for row in Wallet.objects.exclude(user_id="alice")} == {
        "bob": 2.5,
        "carol": 2.5,
    }
    assert RedPacket.objects.get().expend_time is not None


def test_refusal_of_another_member_moves_nothing(way):
    packet = paid()
    lines, events = LedgerLine.objects.count(), Event.objects.count()

    answer = user("dave").post(f"packets/{packet.public_id}/grab", key="")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_for_you")
    assert (LedgerLine.objects.count(), Event.objects.count()) == (lines, events)
    assert holders() == [("bob", None), ("carol", None)]


@pytest.mark.parametrize("state", ["unpaid", "frozen", "void", "finished", "expired"])
def test_other_members_hear_the_same_in_every_state(way, state):
    """Whose it is goes before how it is, as with a personal one."""
    match state:
        case "unpaid":
            packet = make.make_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
        case "void":
            packet, order = make.make_reported_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
            make.end(order, timezone.now())
        case "expired":
            packet = make.make_expired_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
        case _:
            packet = taken(paid(), *(NAMED if state == "finished" else ()))
    if state == "frozen":
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    assert grabbed("dave", packet) == "not_for_you"
    assert grabbed("eve", packet) == "not_found"
    assert (
        grabbed("bob", packet)
        == {
            "unpaid": "not_issued",
            "frozen": "packet_frozen",
            "void": "packet_closed",
            "finished": "already_grabbed",
            "expired": "expired",
        }[state]
    )


def test_who_left_takes_nothing_until_he_is_back(way):
    packet = paid()
    members.remove(group_id="g1", user_id="bob")
    gone = [grabbed("bob", packet), user("bob").get(f"packets/{packet.public_id}").status_code]
    members.add(group_id="g1", user_id="bob")

    assert gone == ["not_found", 404]
    assert grabbed("bob", packet) == "grabbed"
    members.remove(group_id="g1", user_id="bob")
    assert grabbed("bob", packet) == "already_grabbed"


def test_frozen_wallet_takes_nothing_until_it_thaws(way):
    packet = paid()
    wallet_freeze.freeze(user_id="bob", reason="test", now=timezone.now())
    before = grabbed("bob", packet)
    wallet_freeze.unfreeze(user_id="bob", reason="test", now=timezone.now())

    assert (before, grabbed("bob", packet)) == ("wallet_frozen", "grabbed")


def test_a_grab_that_failed_may_be_tried_again(way, monkeypatch):
    """His mark goes, and his position is nobody else's meanwhile."""
    packet, claim = paid(), grab.claim.claim

    def fail(**kwargs):
        raise ConnectionError("cut off")

    monkeypatch.setattr(grab.claim, "claim", fail)
    with pytest.raises(ConnectionError):
        taken(packet, "bob")
    monkeypatch.setattr(grab.claim, "claim", claim)

    assert grabbed("carol", packet) == "grabbed"
    assert grabbed("bob", packet) == "grabbed"


def test_the_rest_comes_back_at_expiry(way):
    packet = paid(now=timezone.now() - timedelta(hours=25))
    early = packet.pay_time + timedelta(minutes=1)
    grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=early)
    assert grabbed("carol", packet) == "expired"

    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now())

    assert [grabbed(name, packet) for name in NAMED] == ["already_grabbed", "expired"]
    shown = user("alice").get(f"packets/{packet.public_id}").json()
    assert (shown["return_money"], shown["taken_money"]) == ("2.50", "2.50")
    assert Wallet.objects.get(user_id="alice").balance == 2.5


def test_awaiting_share_is_credited_when_the_money_arrives(way):
    packet, order = make.make_reported_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
    taken(packet, "bob")
    assert user("bob").get("wallet").json()["balance"] == "0.00"

    assert make.confirm(order, timezone.now())
    settle.settle_packet(rp_id=packet.pk, now=timezone.now())

    assert user("bob").get("wallet").json()["balance"] == "2.50"
    assert grabbed("carol", packet) == "grabbed"


def test_chat_server_is_asked_about_each_of_them(settings, monkeypatch):
    """Where it says who is in a group, our table is not asked."""
    settings.REDPACKET_MEMBERS_URL = "https://chat.example/"
    asked = []
    monkeypatch.setattr(
        members, "is_member", lambda group, name: asked.append(name) or name in ("alice", "bob")
    )
    monkeypatch.setattr(members, "number", lambda group: 12)

    refused = user("alice").post("packets", WISH).json()
    drafted = user("alice").post("packets", WISH | {"for_users": ["bob"]}).status_code

    assert list(refused["errors"]) == ["for_users.1"]
    assert drafted == 201
    assert asked == ["alice", "bob", "carol", "alice", "bob"]


# --- who sees what

# total and taken amounts, one's own share, takers and their amounts, what one can do
VIEWERS = {
    "alice": {"amounts"},
    "bob": {"amounts", "mine"},
    "carol": {"grab"},
    "dave": set(),
}


def test_amounts_are_the_senders_and_the_takers():
    packet = taken(paid(), "bob")

    for viewer, words in VIEWERS.items():
        shown = user(viewer).get(f"packets/{packet.public_id}").json()
        assert shown["for_users"] == ["bob", "carol"]
        assert [share["user"]["user_id"] for share in shown["shares"]] == ["bob"]
        amounts = {shown["total_money"], shown["single_money"], shown["taken_money"]}
        amounts |= {share["money"] for share in shown["shares"]}
        assert amounts == ({"5.00", "2.50"} if "amounts" in words else {None}), viewer
        assert (shown["mine"] is not None) == ("mine" in words)
        assert shown["actions"] == (["grab"] if "grab" in words else [])
        assert {share["is_good"] for share in shown["shares"]} == {None}
        assert (shown["commitment"], shown["seed"]) == (None, None)
    assert user("eve").get(f"packets/{packet.public_id}").status_code == 404


def test_amounts_stay_theirs_once_it_is_over():
    finished = taken(paid(), *NAMED)
    late = make.make_expired_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)

    for packet, viewer, amount in (
        (finished, "dave", None),
        (finished, "carol", "5.00"),
        (late, "dave", None),
        (late, "bob", None),
        (late, "alice", "5.00"),
    ):
        shown = user(viewer).get(f"packets/{packet.public_id}").json()
        assert shown["total_money"] == amount, viewer
        assert {share["money"] for share in shown["shares"]} <= {amount and "2.50"}


def test_paid_answer_lets_its_sender_grab_nothing():
    draft = user("alice").post("packets", WISH).json()
    make.make_wallet("alice", "5.00")

    answer = user("alice").post(f"packets/{draft['id']}/pay", {"pay_type": "balance"}).json()

    assert answer["packet"]["for_users"] == ["bob", "carol"]
    assert (answer["packet"]["state"], answer["packet"]["actions"]) == ("open", [])


@pytest.mark.parametrize(
    ("takers", "viewer", "headline", "english"),
    [
        ((), "alice", "给小宝、carol的专属红包", "Red packet for 小宝, carol"),
        ((), "bob", "给小宝、carol的专属红包", "Red packet for 小宝, carol"),
        (("bob",), "dave", "给小宝、carol的专属红包", "Red packet for 小宝, carol"),
        (NAMED, "carol", "给小宝、carol的专属红包", "Red packet for 小宝, carol"),
    ],
)
def test_headline_says_whom_it_is_for(takers, viewer, headline, english):
    packet = taken(paid(), *takers)

    told = [
        user(viewer, language).get(f"packets/{packet.public_id}").json()["headline"]
        for language in ("zh-Hans", "en")
    ]

    assert told == [headline, english]


def test_headline_of_an_expired_one_tells_amounts_to_its_sender():
    packet = make.make_expired_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)

    told = [
        user(viewer).get(f"packets/{packet.public_id}").json()["headline"]
        for viewer in ("alice", "bob", "dave")
    ]

    assert told == [
        "该红包已过期。已领取0/2个，共0.00/5.00元",
        *["该红包已过期。已领取0/2个"] * 2,
    ]


def test_lists_say_whom_it_is_for_and_other_kinds_say_null():
    packet = taken(paid(), "bob")
    make.make_packet(Kind.EQUAL, 2, "1.00")

    sent = user("alice").get("packets?box=sent").json()["results"]
    received = user("bob").get("packets?box=received").json()["results"]

    assert [one["for_users"] for one in sent] == [None, ["bob", "carol"]]
    assert [(one["id"], one["for_users"]) for one in received] == [
        (packet.public_id, ["bob", "carol"])
    ]
    assert sent[1]["headline"] == "给小宝、carol的专属红包"


def test_issued_event_says_whom_it_is_for():
    paid()
    make.make_paid_packet(Kind.EQUAL, 2, "1.00")

    issued = [event.data for event in Event.objects.filter(type="packet.issued").order_by("pk")]

    assert [data["for_users"] for data in issued] == [["bob", "carol"], None]
    assert [data["number"] for data in issued] == [2, 2]


# In the order of `bubbles`: sender, taker, who is named and took nothing, other member, outsider.
BUBBLES = {
    "unpaid": ("unpaid", None, None, None, None),
    "open": ("open", "taken", "open", "other", None),
    "finished": ("gone", "taken", "taken", "other", None),
    "expired": ("expired", "taken", "expired", "other", None),
    "void": ("void", "void", None, None, None),
    "frozen": ("frozen", "frozen", "frozen", "frozen", None),
}


@pytest.mark.parametrize(("state", "words"), BUBBLES.items())
def test_bubbles(state, words):
    now = timezone.now()
    made = now - timedelta(hours=25) if state == "expired" else now
    if state == "void":
        packet, order = make.make_reported_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
    elif state == "unpaid":
        packet = make.make_packet(Kind.EXCLUSIVE, money="2.50", for_users=NAMED)
    else:
        packet = paid(now=made)
    takers = {"unpaid": (), "finished": NAMED}.get(state, ("bob",))
    for name in takers:
        grab.grab(public_id=packet.public_id, caller=Caller(name), now=made)
    if state == "void":
        make.end(order, now)
    if state == "frozen":
        freeze.freeze(public_id=packet.public_id, reason="test", now=now)

    found = [
        user(viewer).get(f"packets/bubbles?ids={packet.public_id}").json()["results"]
        for viewer in ("alice", "bob", "carol", "dave", "eve")
    ]

    assert tuple(one[0]["bubble"] if one else None for one in found) == words


def test_page_costs_one_statement_more_and_bubbles_none():
    packet = taken(paid(), "bob")
    path, sent = f"packets/{packet.public_id}", {}

    for viewer in ("alice", "bob", "dave"):
        with statements() as sent[viewer]:
            user(viewer).get(path)
    with statements() as sent["bubbles"]:
        user("dave").get(f"packets/bubbles?ids={packet.public_id}")

    # The packet, its takers, whom it is for, profiles; for dave whether he is a member.
    assert {who: len(words) for who, words in sent.items()} == {
        "alice": 4,
        "bob": 4,
        "dave": 5,
        "bubbles": 4,
    }


def test_win_costs_what_any_win_does_and_a_look_whether_all_are_gone(with_redis):
    packet = paid()
    taken(packet, "bob")

    with statements() as sent:
        taken(packet, "carol")

    assert sent[:7] == ["BEGIN", "UPDATE", "INSERT", "INSERT", "INSERT", "COMMIT", "SELECT"]


def test_refusal_of_another_member_sends_no_sql(with_redis):
    packet = paid()
    grabbed("dave", packet)

    with statements() as sent:
        assert grabbed("dave", packet) == "not_for_you"

    assert sent == []
