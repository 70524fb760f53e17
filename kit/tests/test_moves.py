"""A state changes by its MOVES alone, whatever was read before; a row is held by its key."""

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from kit.moves import Moves, Unlisted, hold, move
from packets.models import RedPacket
from packets.states import MOVES, PayStatus
from payments.models import PaymentOrder
from payments.states import ORDER_MOVES, OrderStatus
from testing.make import make_order, make_packet, make_paid_packet, make_wallet
from testing.waiting import is_waiting_for
from wallets.models import Wallet

# A state of their own, and no money: a file being written, what a notification came to.
HAVE_NONE = {"office.exportjob", "payments.notification"}
STATES = ("status", "state", "pay_status", "outcome")


def every_step(moves) -> list[tuple]:
    return [(source, to) for source in moves for to in moves]


def facts_of(status: OrderStatus) -> dict:
    is_confirmed = status == OrderStatus.CONFIRMED
    return {
        "confirmed_at": timezone.now() if is_confirmed else None,
        "trade_no": "T1" if is_confirmed else "",
    }


@pytest.mark.broken_books
@pytest.mark.parametrize(("source", "to"), every_step(ORDER_MOVES))
def test_an_order_moves_as_its_table_says_and_no_other_way(source, to):
    order = make_order(make_packet())
    row = PaymentOrder.objects.filter(pk=order.pk)
    row.update(status=source, **facts_of(source))

    moved = move(row, to=to, **facts_of(to))

    assert moved == (to in ORDER_MOVES[source])
    assert row.get().status == (to if moved else source)


@pytest.mark.broken_books
@pytest.mark.parametrize(("source", "to"), every_step(MOVES))
def test_a_packet_moves_as_its_table_says_and_no_other_way(source, to):
    packet = make_packet() if source == PayStatus.UNPAID else make_paid_packet()
    row = RedPacket.objects.filter(pk=packet.pk)
    row.update(pay_status=source)
    now = timezone.now()

    moved = move(row, to=to, pay_time=now, expire_time=now)

    assert moved == (to in MOVES[source])
    assert row.get().pay_status == (to if moved else source)


def test_the_callers_conditions_narrow_a_move():
    order = make_order(make_packet())

    assert not move(PaymentOrder.objects.filter(pk=order.pk, trade_no="T1"), to=OrderStatus.CLOSED)
    assert move(PaymentOrder.objects.filter(pk=order.pk, trade_no=""), to=OrderStatus.CLOSED)


def test_a_state_is_not_set_past_its_moves():
    order = make_order(make_packet())

    with pytest.raises(Unlisted):
        move(PaymentOrder.objects.filter(pk=order.pk), status=OrderStatus.CLOSED)
    with pytest.raises(Unlisted):
        move(Wallet.objects.all(), to=1)

    order.refresh_from_db()
    assert order.status == OrderStatus.CREATED


def test_every_model_with_states_has_its_moves():
    without = set()
    for model in apps.get_models():
        if model._meta.app_label not in ("packets", "payments", "wallets", "office"):
            continue
        columns = {f.name for f in model._meta.concrete_fields if f.choices and f.name in STATES}
        moves = getattr(model, "MOVES", None)
        if columns and model._meta.label_lower not in HAVE_NONE:
            assert isinstance(moves, Moves) and moves.column in columns, model
            choices = {value for value, _ in model._meta.get_field(moves.column).choices}
            assert set(map(int, moves.listed)) == choices, f"{model}: a state has no row"
        elif columns:
            without.add(model._meta.label_lower)

    assert without == HAVE_NONE


def test_a_row_is_held_by_its_key(on_mariadb):
    make_wallet("u1", "1.00")
    make_wallet("u2", "1.00")

    with transaction.atomic():
        assert hold(Wallet, "u1")
        assert not hold(Wallet, "nobody")

        assert is_waiting_for(Wallet, "u1")
        assert not is_waiting_for(Wallet, "u2")


def test_a_row_is_held_by_its_key_not_by_more_than_that(on_mariadb):
    """The twin: a state that no row is in holds nothing."""
    make_wallet("u1", "1.00")
    frozen = Wallet.objects.filter(is_frozen=True)

    with transaction.atomic():
        assert not frozen.update(is_frozen=True)

        assert not is_waiting_for(Wallet, "u1")


def test_holding_changes_nothing():
    make_wallet("u1", "1.00")
    packet = make_packet()
    before = list(Wallet.objects.values()), list(RedPacket.objects.values())

    with transaction.atomic():
        assert hold(Wallet, "u1")
        assert hold(RedPacket, packet.pk)

    assert before == (list(Wallet.objects.values()), list(RedPacket.objects.values()))
