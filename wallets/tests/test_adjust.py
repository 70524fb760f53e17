"""Four eyes on every adjustment, by code and by constraint."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.utils import timezone

from kit.refusals import Forbidden, Invalid
from testing.make import make_wallet
from wallets import accounts, adjust
from wallets.models import Adjustment, LedgerLine
from wallets.refusals import InsufficientBalance
from wallets.statement import balance
from wallets.states import AdjustmentStatus


@pytest.fixture
def maker():
    return get_user_model().objects.create_user("maker", is_staff=True)


@pytest.fixture
def checker():
    return get_user_model().objects.create_user("checker", is_staff=True)


def propose(maker, amount="12.34", *, is_credit=True, other=accounts.PLATFORM, case_id=None):
    return adjust.propose(
        user_id="bob",
        amount=Decimal(amount),
        is_credit=is_credit,
        other=other,
        reason="compensation",
        case_id=case_id,
        maker_id=maker.pk,
        now=timezone.now(),
    )


def approve(adjustment, checker) -> bool:
    return adjust.approve(reference=adjustment.reference, checker_id=checker.pk, now=timezone.now())


def test_money_moves_when_another_one_approves(maker, checker):
    proposed = propose(maker)
    assert balance("bob").balance == 0

    assert approve(proposed, checker)
    assert not approve(proposed, checker)

    assert balance("bob").balance == Decimal("12.34")
    assert LedgerLine.objects.get().reference == proposed.reference


def test_debit_cannot_go_below_zero(maker, checker):
    make_wallet("bob", "10.00")
    too_much, enough = propose(maker, is_credit=False), propose(maker, "10.00", is_credit=False)

    with pytest.raises(InsufficientBalance):
        approve(too_much, checker)
    assert approve(enough, checker)

    too_much.refresh_from_db()
    assert too_much.status == AdjustmentStatus.PROPOSED
    assert balance("bob").balance == 0


def test_rejected_moves_nothing(maker, checker):
    proposed = propose(maker)

    assert adjust.reject(reference=proposed.reference, checker_id=checker.pk, now=timezone.now())
    assert not approve(proposed, checker)

    assert not LedgerLine.objects.exists()


def test_maker_cannot_check_himself(maker):
    proposed = propose(maker)

    with pytest.raises(Forbidden):
        approve(proposed, maker)
    with pytest.raises(IntegrityError):
        Adjustment.objects.filter(pk=proposed.pk).update(
            status=AdjustmentStatus.APPROVED, checker=maker
        )
    with pytest.raises(IntegrityError):  # nor is there an approval without a checker
        Adjustment.objects.filter(pk=proposed.pk).update(status=AdjustmentStatus.APPROVED)


def test_limits(settings, maker, checker):
    settings.REDPACKET_MAKER_MAX = Decimal("100.00")
    settings.REDPACKET_CHECKER_MAX = Decimal("50.00")

    for amount in ("100.01", "0.00"):
        with pytest.raises(Invalid):
            propose(maker, amount)
    big = propose(maker, "50.01")
    with pytest.raises(Invalid):
        approve(big, checker)

    assert approve(propose(maker, "50.00"), checker)
    assert balance("bob").balance == 50


def test_nothing_leaves_suspense_without_a_case(maker):
    for case_id in (None, 4711):
        with pytest.raises(Invalid):
            propose(maker, other=accounts.SUSPENSE, case_id=case_id)


def test_a_maker_withdraws_his_own_proposal_and_nobody_elses(maker, checker):
    proposed = propose(maker)
    wish = {"reference": proposed.reference, "now": timezone.now()}

    with pytest.raises(Forbidden):
        adjust.withdraw(**wish, maker_id=checker.pk)
    assert adjust.withdraw(**wish, maker_id=maker.pk)
    assert not adjust.withdraw(**wish, maker_id=maker.pk)

    assert not approve(proposed, checker)
    proposed.refresh_from_db()
    assert (proposed.status, proposed.checker) == (AdjustmentStatus.WITHDRAWN, None)
    assert not LedgerLine.objects.exists()
