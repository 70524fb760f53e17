"""A packet is paid out of the wallet and issued at once, or an order is opened for it."""

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.refusals import NotFound
from packets import freeze, pay
from packets.refusals import PacketFrozen
from packets.states import Kind, PayStatus
from payments.models import PaymentOrder
from payments.refusals import AlreadyPaid
from payments.states import OrderStatus, PayType, Scene
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing.make import make_packet, make_wallet
from wallets import freeze as wallet_freeze
from wallets.models import LedgerLine
from wallets.refusals import InsufficientBalance, WalletFrozen
from wallets.statement import balance


def by_balance(packet, user: str = "alice"):
    return pay.by_balance(public_id=packet.public_id, caller=Caller(user), now=timezone.now())


def by_channel(packet, user: str = "alice") -> PaymentOrder:
    return pay.by_channel(
        public_id=packet.public_id,
        caller=Caller(user),
        pay_type=PayType.ALIPAY,
        scene=Scene.APP,
        payer_ip="",
        now=timezone.now(),
    )


def sent() -> list[tuple[str, str, str]]:
    lines = LedgerLine.objects.exclude(source="platform")
    return [(line.source, line.target, f"{line.amount:.2f}") for line in lines]


def test_by_balance_the_money_goes_into_the_escrow_once():
    make_wallet("alice", "5.00")
    packet = make_packet(Kind.EQUAL, 2, "1.50")

    paid = by_balance(packet)
    with pytest.raises(AlreadyPaid):
        by_balance(packet)

    assert paid.pay_status == PayStatus.PAID
    assert sent() == [("wallet:alice", f"escrow:{packet.public_id}", "3.00")]
    assert balance("alice").balance == 2


def test_to_the_last_fen_and_not_beyond():
    make_wallet("alice", "3.00")
    last, more = make_packet(Kind.EQUAL, 2, "1.50"), make_packet(Kind.EQUAL, 1, "0.01")
    by_balance(last)

    with pytest.raises(InsufficientBalance):
        by_balance(more)

    assert balance("alice").balance == 0
    more.refresh_from_db()
    assert more.pay_status == PayStatus.UNPAID


@pytest.mark.parametrize("how", [by_balance, by_channel])
def test_it_is_paid_by_its_sender_alone(alipay, how):  # noqa: F811
    make_wallet("u1", "5.00")
    packet = make_packet(Kind.EQUAL, 2, "1.50")

    with pytest.raises(NotFound):
        how(packet, "u1")

    assert sent() == []
    assert not PaymentOrder.objects.exists()


@pytest.mark.parametrize("how", [by_balance, by_channel])
@pytest.mark.parametrize("what", ["packet", "wallet"])
def test_what_is_frozen_is_not_paid(alipay, how, what):  # noqa: F811
    make_wallet("alice", "5.00")
    packet = make_packet(Kind.EQUAL, 2, "1.50")
    about = {"reason": "test", "now": timezone.now()}
    if what == "packet":
        freeze.freeze(public_id=packet.public_id, **about)
    else:
        wallet_freeze.freeze(user_id="alice", **about)

    with pytest.raises(PacketFrozen if what == "packet" else WalletFrozen):
        how(packet)

    assert sent() == []
    assert not PaymentOrder.objects.exists()


def test_by_a_channel_no_money_moves_and_the_order_is_given_again(alipay):  # noqa: F811
    packet = make_packet(Kind.EQUAL, 2, "1.50")

    first, again = by_channel(packet), by_channel(packet)

    assert first.order_no == again.order_no
    assert (first.amount, first.status) == (packet.total_money, OrderStatus.CREATED)
    assert sent() == []
    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.UNPAID
    assert packet.draft_until >= first.expire_time
