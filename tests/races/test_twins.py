"""Each guard with its twin: the same interleaving without the guard, and the bug appears."""

from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from kit import outbox
from kit.http.caller import Caller
from kit.models import Event
from kit.money import total
from packets import grab, refund
from packets.models import Share
from packets.states import Kind, Outcome
from packets.tickets import claim as grab_sql
from testing.forks import in_threads
from testing.make import make_expired_packet, make_paid_packet
from wallets import accounts, ledger
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind


@contextmanager
def without_constraint(model, name: str):
    """Take a unique constraint away; the rows that broke it go before it comes back."""
    constraints = model._meta.constraints
    taken_away = next(c for c in constraints if c.name == name)
    # SQLite makes the table anew from the model; MariaDB drops the index.
    with mock.patch.object(
        model._meta, "constraints", [c for c in constraints if c is not taken_away]
    ):
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, taken_away)
        try:
            yield
        finally:
            model._base_manager.all()._raw_delete(model._base_manager.db)
    with connection.schema_editor() as editor:
        editor.add_constraint(model, taken_away)


def claim(packet, position: int, user_id: str):
    with transaction.atomic():
        return grab_sql.claim(
            rp_id=packet.pk,
            public_id=packet.public_id,
            position=position,
            user_id=user_id,
            group_id="g1",
            is_into_account=False,
            now=timezone.now(),
        )


# --- the share's own WHERE


@pytest.mark.broken_books
def test_two_takers_one_share():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")

    assert claim(packet, 1, "u1") is not None
    assert claim(packet, 1, "u2") is None

    assert Share.objects.get(position=1).user_id == "u1"


@pytest.mark.broken_books
def test_two_takers_one_share_without_the_guard(monkeypatch):
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    user_id = connection.ops.quote_name("user_id")
    original = grab_sql.claim_sql(True)
    careless = original.replace(f" AND {user_id} IS NULL", "")
    assert careless != original
    monkeypatch.setattr(grab_sql, "claim_sql", lambda is_group: careless)

    assert claim(packet, 1, "u1") is not None
    assert claim(packet, 1, "u2") is not None

    assert Share.objects.get(position=1).user_id == "u2", "u1 was told that he won"


# --- one share per taker


@pytest.mark.broken_books
def test_one_taker_two_shares():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    claim(packet, 1, "u1")

    with pytest.raises(IntegrityError):
        claim(packet, 2, "u1")


@pytest.mark.broken_books
def test_one_taker_two_shares_without_the_guard():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    with without_constraint(Share, "share_packet_taker"):
        claim(packet, 1, "u1")
        claim(packet, 2, "u1")

        assert Share.objects.filter(user_id="u1").count() == 2


# --- close first, count after


def late_grab(packet) -> Outcome:
    """Somebody who read his clock just before the deadline."""
    just_in_time = packet.expire_time - timedelta(milliseconds=1)
    return grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=just_in_time).outcome


@pytest.mark.parametrize("kind", [Kind.EQUAL, Kind.EXCLUSIVE])
def test_late_grab_and_refund_never_pay_the_same_share(on_mariadb, monkeypatch, kind):
    packet = make_expired_packet(kind, 2, "1.00")
    outcomes = []

    def total_while_somebody_grabs(queryset, column):
        outcomes.extend(in_threads([lambda: late_grab(packet)]))
        return total(queryset, column)

    monkeypatch.setattr(refund, "total", total_while_somebody_grabs)
    # The late grab waits for the closed row, and gives up before the refund commits.
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())

    assert outcomes[0] is not Outcome.GRABBED
    assert Wallet.objects.get(user_id="alice").balance == 2
    assert not Wallet.objects.filter(user_id="u1").exists()


@pytest.mark.broken_books
@pytest.mark.parametrize("kind", [Kind.EQUAL, Kind.EXCLUSIVE])
def test_late_grab_and_refund_never_pay_the_same_share_without_the_order(on_mariadb, kind):
    """Count first, close after: the racing share is refunded and credited."""
    packet = make_expired_packet(kind, 2, "1.00")

    with transaction.atomic():
        untaken = Share.objects.filter(rp=packet, user_id=None)
        counted = total(untaken, "money")
        in_threads([lambda: late_grab(packet)])
        untaken.update(is_returned=True)
        ledger.post(
            kind=LineKind.EXPIRY_REFUND,
            reference=packet.public_id,
            source=accounts.escrow(packet.public_id),
            target=accounts.wallet("alice"),
            amount=counted,
            now=timezone.now(),
        )

    paid_out = (
        Wallet.objects.get(user_id="alice").balance + Wallet.objects.get(user_id="u1").balance
    )
    assert paid_out == 3, "2.00 were put in"


# --- (kind, reference)


def post_once_more(reference: str) -> None:
    with transaction.atomic():
        ledger.post(
            kind=LineKind.ADJUSTMENT,
            reference=reference,
            source=accounts.PLATFORM,
            target=accounts.wallet("u1"),
            amount=1,
            now=timezone.now(),
        )


def test_a_movement_happens_at_most_once():
    post_once_more("adj_1")

    with pytest.raises(ledger.AlreadyPosted):
        post_once_more("adj_1")

    assert Wallet.objects.get(user_id="u1").balance == 1


@pytest.mark.broken_books
def test_a_movement_happens_at_most_once_without_the_guard():
    with without_constraint(LedgerLine, "ledger_kind_reference"):
        post_once_more("adj_1")
        post_once_more("adj_1")

        assert Wallet.objects.get(user_id="u1").balance == 2


# --- one refund per packet: the packet row's WHERE


def test_two_refunds_at_once():
    packet = make_expired_packet()

    results = in_threads([lambda: refund.refund_expired(rp_id=packet.pk, now=timezone.now())] * 4)

    assert sorted(results) == [False, False, False, True]
    assert LedgerLine.objects.filter(kind=LineKind.EXPIRY_REFUND).count() == 1
    assert Event.objects.filter(type="packet.expired").count() == 1


# --- places in the event feed


def test_reader_skips_no_event_that_commits_late(on_mariadb):
    with transaction.atomic():
        outbox.tell("late", now=timezone.now())
        in_threads([tell_early])
        first = in_threads([lambda: outbox.read(after=0, limit=10)])[0]
    second = outbox.read(after=first[-1].place, limit=10)

    assert [news.type for news in first + second] == ["early", "late"]


def test_reader_skips_no_event_that_commits_late_without_the_places(on_mariadb):
    """Reading by key: the late row has the lower one, and is never seen."""

    def read_by_key(after: int) -> list[Event]:
        return list(Event.objects.filter(pk__gt=after).order_by("pk"))

    with transaction.atomic():
        outbox.tell("late", now=timezone.now())
        in_threads([tell_early])
        first = in_threads([lambda: read_by_key(0)])[0]
    second = read_by_key(first[-1].pk)

    assert [event.type for event in first + second] == ["early"]


def tell_early() -> None:
    with transaction.atomic():
        outbox.tell("early", now=timezone.now())
