"""Exclusive packets (专属红包): whoever comes when, a share ends with its person or its sender."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from kit import pause
from kit.http.caller import Caller
from kit.models import Event
from kit.refusals import Problem
from packets import freeze, grab, members, refund
from packets.models import RedPacket, Share
from packets.states import Kind, Outcome
from packets.tickets import claim as grab_sql
from packets.tickets import queue as tickets
from testing.forks import in_threads
from testing.make import make_expired_packet, make_group, make_paid_packet
from tests.races.test_twins import claim, without_constraint
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

TEN = [f"u{i}" for i in range(1, 11)]


@pytest.fixture(params=["Redis", "no Redis"])
def way(request, settings):
    if request.param == "no Redis":
        settings.REDIS_URL = ""


def take(packet: RedPacket, user_id: str, now=None) -> Outcome | str:
    """How it ended; a refusal's code."""
    try:
        return grab.grab(
            public_id=packet.public_id, caller=Caller(user_id), now=now or timezone.now()
        ).outcome
    except Problem as problem:
        return problem.code


def holders() -> list[tuple[str, str | None]]:
    return list(Share.objects.order_by("position").values_list("for_user", "user_id"))


# --- whose it is: the share's own WHERE, and its constraint


def careless(monkeypatch) -> None:
    """The claim, as if every share were anybody's."""
    original = grab_sql.claim_sql(True)
    quote = grab_sql.connection.ops.quote_name("for_user")
    asked = f"({quote} IS NULL OR {quote} = %s)"
    assert asked in original
    without = original.replace(asked, "%s IS NOT NULL")
    monkeypatch.setattr(grab_sql, "claim_sql", lambda is_group: without)


def test_nobody_claims_what_is_anothers():
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")

    assert claim(packet, 1, "u2") is None
    assert claim(packet, 2, "u3") is None

    assert holders() == [("u1", None), ("u2", None)]


def test_nobody_claims_what_is_anothers_by_the_constraint_alone(monkeypatch):
    """An old worker does not ask whose it is; the table does."""
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")
    careless(monkeypatch)

    with pytest.raises(IntegrityError):
        claim(packet, 1, "u2")

    assert holders() == [("u1", None), ("u2", None)]


@pytest.mark.broken_books
def test_nobody_claims_what_is_anothers_without_the_guard(monkeypatch):
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")
    careless(monkeypatch)

    with without_constraint(Share, "share_for_its_taker"):
        assert claim(packet, 1, "u2") is not None

        assert holders() == [("u1", "u2"), ("u2", None)], "u2 has u1's share"


# --- ten at once


def test_ten_at_once_get_exactly_their_own(way):
    make_group("alice", "bystander", *TEN)
    packet = make_paid_packet(Kind.EXCLUSIVE, money="1.00", for_users=TEN)
    crowd = [*TEN, "bystander", "alice", *TEN[:3]]

    ended = in_threads([lambda user=user: take(packet, user) for user in crowd])

    by_user = dict(zip(crowd[:12], ended[:12], strict=True))
    assert by_user.pop("bystander") == by_user.pop("alice") == "not_for_you"
    for user in TEN[:3]:  # who came twice won once, and may have read a passing "too slow"
        both = [outcome for name, outcome in zip(crowd, ended, strict=True) if name == user]
        assert both.count(Outcome.GRABBED) == 1
        assert set(both) <= {Outcome.GRABBED, Outcome.ALREADY_GRABBED, Outcome.TOO_SLOW}
    assert {by_user[user] for user in TEN[3:]} == {Outcome.GRABBED}
    assert holders() == [(user, user) for user in TEN]
    assert {row.user_id: row.balance for row in Wallet.objects.exclude(user_id="alice")} == (
        dict.fromkeys(TEN, 1)
    )
    packet.refresh_from_db()
    assert packet.expend_time is not None  # whoever was the last to commit has seen that
    assert Event.objects.filter(type="packet.finished").count() == 1


def test_the_last_to_commit_finishes_it_whatever_his_position(way):
    packet = make_paid_packet(Kind.EXCLUSIVE, 3, "1.00")

    for user in ("u3", "u1", "u2"):
        assert take(packet, user) is Outcome.GRABBED

    packet.refresh_from_db()
    assert packet.expend_time is not None


def test_the_last_to_commit_finishes_it_without_the_look(with_redis, monkeypatch):
    """As if position n went last here, too: nobody but the sweep would finish it."""
    packet = make_paid_packet(Kind.EXCLUSIVE, 3, "1.00")
    monkeypatch.setattr(tickets.Ticket, "is_named", False)

    for user in ("u3", "u1", "u2"):
        take(packet, user)

    packet.refresh_from_db()
    assert packet.expend_time is None


# --- the same person twice at once


def take_while_he_wins_elsewhere(packet: RedPacket, user: str) -> Outcome | str:
    """Between his ticket and his claim another grab of his wins, and the packet is frozen."""

    def meanwhile():
        tickets.forget(packet.public_id)
        assert take(packet, user) is Outcome.GRABBED
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    with pause.at("grab: has a ticket", meanwhile):
        return take(packet, user)


def test_the_same_person_twice_at_once(way):
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")

    assert take_while_he_wins_elsewhere(packet, "u1") is Outcome.ALREADY_GRABBED

    assert LedgerLine.objects.filter(kind=LineKind.GRAB).count() == 1


def test_the_same_person_twice_at_once_without_the_look(way, monkeypatch):
    """Who holds his share would hear why he may not have it."""
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")
    monkeypatch.setattr(grab_sql, "share_of", lambda *_: None)

    assert take_while_he_wins_elsewhere(packet, "u1") == "packet_frozen"


# --- left and back again


def test_who_leaves_with_a_ticket_in_his_hand_takes_nothing_and_may_come_back(way):
    packet = make_paid_packet(Kind.EXCLUSIVE, 2, "1.00")

    def leave():
        members.remove(group_id="g1", user_id="u1")

    with pause.at("grab: has a ticket", leave):
        away = take(packet, "u1")
    members.add(group_id="g1", user_id="u1")

    assert (away, take(packet, "u1")) == ("not_found", Outcome.GRABBED)


# --- the expiry refund


def test_grab_against_the_refund(way):
    """One of them gets the share; whoever is late finds it changed."""
    packet = make_expired_packet(Kind.EXCLUSIVE, 3, "1.00")
    in_time = packet.expire_time - timedelta(milliseconds=1)
    jobs = [lambda user=user: take(packet, user, in_time) for user in ("u1", "u2", "u3")]

    ended = in_threads([*jobs, lambda: refund.refund_expired(rp_id=packet.pk, now=timezone.now())])
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())  # it may have had to give way

    won = ended[:3].count(Outcome.GRABBED)
    assert set(ended[:3]) <= {Outcome.GRABBED, Outcome.EXPIRED, "unavailable"}
    back = Wallet.objects.filter(user_id="alice", balance__gt=0).values_list("balance", flat=True)
    assert won + sum(back) == 3
    assert {taker for _, taker in holders()} <= {None, "u1", "u2", "u3"}
