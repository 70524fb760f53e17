"""Exact money, on either engine."""

from decimal import Decimal

import pytest

from kit import money
from testing.make import make_wallet
from wallets.models import LedgerLine, Wallet


@pytest.mark.parametrize(
    ("given", "expected"),
    [("12.34", "12.34"), ("5", "5.00"), (5, "5.00"), (Decimal("0.1"), "0.10"), ("0", "0.00")],
)
def test_yuan(given, expected):
    assert str(money.yuan(given)) == expected


@pytest.mark.parametrize("given", [0.1, 1.0, True, None, b"1", [1]])
def test_yuan_refuses_what_is_no_money(given):
    with pytest.raises(TypeError):
        money.yuan(given)


@pytest.mark.parametrize("given", ["0.001", "-0.01", "NaN", "Infinity", "-1", Decimal("1.005")])
def test_yuan_refuses_inexact_amounts(given):
    with pytest.raises(ValueError, match=r"money|decimal"):
        money.yuan(given)


@pytest.mark.parametrize("given", ["0.01", "200.00", "99999999.99", "0.00"])
def test_what_a_client_may_write(given):
    assert str(money.parse_yuan(given)) == given


@pytest.mark.parametrize(
    "given",
    ["1", "1.0", "1.000", "01.00", ".50", "1.", "+1.00", "-1.00", " 1.00", "1.00\n", "1e2", "",
     "1,00", "１.00", "100000000.00", 1.00, 1, None, True],
)  # fmt: skip
def test_what_a_client_may_not_write(given):
    assert money.parse_yuan(given) is None


@pytest.mark.parametrize("amount_fen", [0, 1, 99, 100, 101, 20_000, 10**12])
def test_fen_and_back(amount_fen):
    assert money.fen(money.from_fen(amount_fen)) == amount_fen


def test_plus_and_total_are_exact_where_floats_are_not():
    """0.1 + 0.2 a hundred times over: SQLite adds in floats, so a bare sum would drift."""
    for _ in range(3):
        for user in ("u1", "u2"):
            make_wallet(user, "0.10")
    Wallet.objects.filter(user_id="u1").update(balance=money.plus("balance", Decimal("0.20")))
    Wallet.objects.filter(user_id="u1").update(balance=money.plus("balance", Decimal("-0.20")))

    assert Wallet.objects.filter(user_id="u1", balance=Decimal("0.30")).exists()
    assert Wallet.objects.filter(user_id="u1", balance__gte=Decimal("0.30")).exists()
    assert money.total(LedgerLine.objects.all(), "amount") == Decimal("0.60")
    assert money.total(LedgerLine.objects.none(), "amount") == Decimal("0.00")
