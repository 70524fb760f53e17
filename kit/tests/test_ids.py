"""Ids that nobody guesses, and ids that differ by case."""

import re

import pytest
from django.core.exceptions import ValidationError

from kit import ids
from testing.make import make_wallet
from wallets.models import Wallet


def test_public_ids_of_one_moment_share_no_tail(monkeypatch):
    """80 random bits behind the time: knowing one says nothing about the next."""
    monkeypatch.setattr(ids.time, "time", lambda: 1_790_000_000.123)
    made = [ids.public_id("rp") for _ in range(5_000)]

    assert len(set(made)) == 5_000
    assert all(re.fullmatch(r"rp_[a-z2-7]{26}", one) for one in made)
    assert len({one[:12] for one in made}) == 1, "48 bits of time in front"
    tails = [one[13:] for one in made]
    for place in range(13):
        assert len({tail[place] for tail in tails[:2_000]}) >= 32 or place == 12


def test_order_of_ids_is_not_order_of_making(monkeypatch):
    monkeypatch.setattr(ids.time, "time", lambda: 1_790_000_000.123)
    made = [ids.public_id("rp") for _ in range(100)]

    assert made != sorted(made)


@pytest.mark.parametrize("good", ["u", "U1", "a_b.c:d@e-f", "x" * 64, "0", "...", ".a"])
def test_outside_ids(good):
    assert ids.is_outside_id(good)
    ids.validate_outside_id(good)


@pytest.mark.parametrize(
    "bad",
    ["", "x" * 65, "a b", "u1\n", "\n", "用户", "é", "a/b", "a\0", "a%", ".", "..", 1, None, b"u1"],
)
def test_not_outside_ids(bad):
    assert not ids.is_outside_id(bad)
    with pytest.raises(ValidationError):
        ids.validate_outside_id(bad)


def test_ids_differ_by_case_on_this_engine():
    make_wallet("u1", "1.00")
    make_wallet("U1", "2.00")

    assert sorted(map(str, Wallet.objects.values_list("balance", flat=True))) == ["1.00", "2.00"]
