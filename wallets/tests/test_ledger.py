"""The till: both sides of a line at once, a reference once, nothing below zero."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from testing.make import make_wallet, yuan
from wallets import accounts, freeze, ledger
from wallets.models import LedgerLine
from wallets.refusals import InsufficientBalance, WalletFrozen
from wallets.statement import balance
from wallets.states import LineKind


def post(reference: str, source: str, target: str, amount: str, **more) -> None:
    with transaction.atomic():
        ledger.post(
            kind=LineKind.ADJUSTMENT,
            reference=reference,
            source=source,
            target=target,
            amount=yuan(amount),
            now=timezone.now(),
            **more,
        )


def held(*users: str) -> list[Decimal]:
    return [balance(user).balance for user in users]


@pytest.mark.broken_books  # no verb of ours moves money from wallet to wallet
def test_a_line_moves_both_balances():
    make_wallet("bob", "5.00")

    post("a1", accounts.wallet("bob"), accounts.wallet("cat"), "1.20")

    assert held("bob", "cat") == [yuan("3.80"), yuan("1.20")]
    line = LedgerLine.objects.get(reference="a1")
    assert (line.source, line.target, line.amount) == ("wallet:bob", "wallet:cat", yuan("1.20"))


@pytest.mark.broken_books
def test_a_reference_is_posted_once_and_changes_nothing_the_second_time():
    make_wallet("bob", "5.00")
    post("a1", accounts.wallet("bob"), accounts.wallet("cat"), "1.00")

    with pytest.raises(ledger.AlreadyPosted):
        post("a1", accounts.wallet("bob"), accounts.wallet("cat"), "1.00")

    assert held("bob", "cat") == [4, 1]
    assert LedgerLine.objects.filter(reference="a1").count() == 1


@pytest.mark.parametrize(("amount", "rest"), [("5.00", 0), ("5.01", 5)])
def test_a_wallet_goes_to_zero_and_not_below(amount, rest):
    make_wallet("bob", "5.00")

    if rest:
        with pytest.raises(InsufficientBalance):
            post("a1", accounts.wallet("bob"), accounts.PLATFORM, amount)
    else:
        post("a1", accounts.wallet("bob"), accounts.PLATFORM, amount)

    assert held("bob") == [rest]
    assert LedgerLine.objects.filter(reference="a1").exists() is not bool(rest)


def test_a_frozen_wallet_is_not_spent_by_its_owner_and_is_still_given_to():
    make_wallet("bob", "5.00")
    freeze.freeze(user_id="bob", reason="test", now=timezone.now())

    with pytest.raises(WalletFrozen):
        post("a1", accounts.wallet("bob"), accounts.PLATFORM, "1.00", spend=True)
    post("a2", accounts.wallet("bob"), accounts.PLATFORM, "1.00")
    post("a3", accounts.PLATFORM, accounts.wallet("bob"), "0.50")

    assert held("bob") == [yuan("4.50")]


def test_money_in_suspense_is_somebodys():
    with pytest.raises(ValueError, match="whose is this"):
        post("a1", accounts.PLATFORM, accounts.SUSPENSE, "1.00")

    assert not LedgerLine.objects.exists()
