"""Paying out of the wallet: the money of one reference moves once."""

import pytest
from django.utils import timezone

from kit import retry
from payments import balance
from payments.refusals import AlreadyPaid
from testing.make import make_packet, make_wallet, yuan
from wallets import freeze, statement
from wallets.refusals import InsufficientBalance, WalletFrozen


@retry.unit
def pay(reference: str, amount: str) -> None:
    balance.pay(user_id="alice", reference=reference, amount=yuan(amount), now=timezone.now())


def left() -> str:
    return f"{statement.balance('alice').balance:.2f}"


@pytest.mark.broken_books  # an escrow without the issue of its packet
def test_it_moves_once():
    make_wallet("alice", "20.00")
    packet = make_packet().public_id

    pay(packet, "10.00")
    with pytest.raises(AlreadyPaid):
        pay(packet, "10.00")

    assert left() == "10.00"


@pytest.mark.broken_books
@pytest.mark.parametrize(("amount", "rest"), [("10.00", "0.00"), ("10.01", None)])
def test_what_is_there_can_be_spent_and_no_more(amount, rest):
    make_wallet("alice", "10.00")
    packet = make_packet().public_id

    if rest is None:
        with pytest.raises(InsufficientBalance):
            pay(packet, amount)
    else:
        pay(packet, amount)

    assert left() == (rest or "10.00")


def test_a_frozen_wallet_pays_nothing():
    make_wallet("alice", "10.00")
    freeze.freeze(user_id="alice", reason="test", now=timezone.now())

    with pytest.raises(WalletFrozen):
        pay(make_packet().public_id, "1.00")

    assert left() == "10.00"
