"""Money by hand takes two people: by form, by crafted POST, by two roles, by direct insert."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError
from django.utils import timezone

from office import roles
from office.models import StaffAction
from payments.models import ChannelRefund
from payments.states import RefundStatus
from testing import desk, make, stories
from wallets import adjust
from wallets.models import Adjustment, LedgerLine, Wallet
from wallets.states import AdjustmentStatus, LineKind

FORM = {
    "user_id": "bob",
    "is_credit": "credit",
    "other": "platform",
    "amount": "12.30",
    "reason": "goodwill after an outage",
    "attachment": "ticket 4711",
}
ADJUST = "/admin/wallets/adjustment/new/propose_adjustment/"
REFUND = "/admin/payments/channelrefund/new/propose_refund/"


@pytest.fixture
def both():
    """One account with both roles."""
    sitting = desk.staff(roles.MAKER, "both")
    sitting.user.groups.add(Group.objects.get(name=roles.CHECKER))
    return sitting


def balance(user: str = "bob") -> Decimal:
    return Wallet.objects.get(pk=user).balance


def proposed(sitting, **changes) -> Adjustment:
    answer = sitting.post(ADJUST, FORM | changes | {"done": "1"})
    assert answer.status_code == 302, answer.content.decode()
    return Adjustment.objects.latest("pk")


def test_a_proposal_is_looked_at_before_it_is_made(maker):
    make.make_wallet("bob", "1.00")

    form = maker.get(ADJUST, {"user_id": "bob"}).content.decode()
    shown = maker.post(ADJUST, FORM).content.decode()

    assert 'value="bob"' in form
    assert (
        "12.30 yuan go from our own money" in shown
        and "bob holds 1.00 yuan, and 13.30 afterwards" in shown
    )
    assert not Adjustment.objects.exists()


def test_two_people_move_money_and_both_are_named_on_the_line(maker, checker, auditor):
    make.make_wallet("bob", "1.00")
    row = proposed(maker)
    assert balance() == Decimal("1.00")

    assert checker.act(row, "approve_adjustment", reason="").status_code == 302

    assert balance() == Decimal("13.30")
    line = LedgerLine.objects.get(kind=LineKind.ADJUSTMENT, reference=row.reference)
    page = auditor.text(line)
    for word in ("finance-maker", "finance-checker", "goodwill after an outage", "ticket 4711"):
        assert word in page
    assert [a.action for a in StaffAction.objects.order_by("pk")] == [
        "propose_adjustment",
        "approve_adjustment",
    ]


def test_who_decides_has_a_key_for_each_decision(maker, checker):
    row = proposed(maker)

    keys = [set(re.findall(r'data-key="(.)"', who.text(row))) for who in (maker, checker)]

    assert keys == [{"w"}, {"a", "r"}]


def test_a_rejection_moves_nothing_and_is_final(maker, checker):
    row = proposed(maker)

    assert checker.act(row, "reject_adjustment", reason="no such outage").status_code == 302
    checker.act(row, "approve_adjustment")

    row.refresh_from_db()
    assert row.status == AdjustmentStatus.REJECTED
    assert not Wallet.objects.filter(pk="bob").exists()


def test_who_took_his_proposal_back_is_named(maker):
    row = proposed(maker)

    maker.act(row, "withdraw_adjustment")

    decided = maker.page(row).context["page"].sections[0].rows[1]
    assert [str(cell) for cell in decided[:2]] == ["withdrawn", maker.user.username]


def test_nobody_checks_himself_with_two_roles_on_one_account(both):
    row = proposed(both)

    page = both.text(row)
    assert "another person has to decide" in page
    assert "approve_adjustment" not in page
    for name in ("approve_adjustment", "reject_adjustment"):
        url, body = desk.act_url(row, name), {"pk": row.pk, "seen": "x", "reason": "myself"}
        assert both.get(url, {"pk": row.pk}).status_code == 403
        assert both.post(url, body).status_code == 403
    row.refresh_from_db()
    assert (row.status, row.checker_id) == (AdjustmentStatus.PROPOSED, None)


def test_the_database_refuses_a_maker_as_checker(both):
    row = proposed(both)
    decided = {"status": AdjustmentStatus.APPROVED, "checker": both.user}

    with pytest.raises(IntegrityError):
        Adjustment.objects.filter(pk=row.pk).update(**decided)
    with pytest.raises(IntegrityError):
        Adjustment.objects.create(
            reference="adj_direct",
            source="platform",
            target="wallet:bob",
            amount="1.00",
            reason="x",
            maker=both.user,
            proposed_at=timezone.now(),
            **decided,
        )


def test_superusers_move_no_money(superuser, maker):
    row = proposed(maker)

    assert superuser.post(ADJUST, FORM | {"done": "1"}).status_code == 403
    assert "approve_adjustment" not in superuser.text(row)
    url = desk.act_url(row, "approve_adjustment")
    assert superuser.post(url, {"pk": row.pk, "seen": "x", "reason": "me"}).status_code == 403


@pytest.mark.parametrize("role", [roles.SUPPORT, roles.CHECKER, roles.AUDITOR])
def test_only_makers_propose(role):
    sitting = desk.staff(role)

    for url in (ADJUST, REFUND):
        assert sitting.get(url).status_code == 403
        assert sitting.post(url, FORM | {"done": "1"}).status_code == 403
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": "5000.01"}, "at most"),
        ({"amount": "0"}, "Above 0.00"),
        ({"amount": "0.001"}, "decimal places"),
        ({"amount": "NaN"}, "Enter a number"),
        ({"amount": "1e3"}, "1000, not 1e3"),
        ({"amount": "1.5E+3"}, "1000, not 1e3"),
        ({"user_id": "no such id!"}, "no user id"),
        ({"other": "suspense"}, "which case"),
        ({"other": "suspense", "case_id": "99"}, "no such case"),
        ({"other": "platform", "case_id": "1"}, "in suspense"),
        ({"user_id": ""}, "Whose wallet"),
        ({"other": "wallet:bob"}, "Select a valid choice"),
        ({"reason": ""}, "required"),
    ],
)
def test_what_cannot_be_proposed_is_said_on_the_form(maker, changes, says):
    for step in ({}, {"done": "1"}):
        answer = maker.post(ADJUST, FORM | changes | step)
        assert answer.status_code == 200
        assert says in answer.content.decode()
    assert not Adjustment.objects.exists()


def test_a_checker_has_a_limit_of_his_own(maker, checker, settings):
    row = proposed(maker, amount="100.00")
    settings.REDPACKET_CHECKER_MAX = Decimal("99.99")

    url = desk.act_url(row, "approve_adjustment")
    checker.post(url, {"pk": row.pk, "seen": "x", "reason": ""})

    row.refresh_from_db()
    assert row.status == AdjustmentStatus.PROPOSED
    assert "approve_adjustment" not in checker.text(row)
    assert "reject_adjustment" in checker.text(row)


def test_an_approval_that_overdraws_is_refused_in_words(maker, checker):
    make.make_wallet("bob", "1.00")
    shown = maker.post(ADJUST, FORM | {"is_credit": "debit"}).content.decode()
    row = proposed(maker, is_credit="debit")

    checker.act(row, "approve_adjustment", reason="")

    row.refresh_from_db()
    assert "does not suffice" in shown
    assert row.status == AdjustmentStatus.PROPOSED
    assert balance() == Decimal("1.00")


def test_a_case_is_refunded_through_the_channel_by_two(maker, checker):
    _, case = stories.topped_up_twice(timezone.now())
    by_rule = ChannelRefund.objects.get()
    assert checker.act(by_rule, "reject_refund", reason="wrong sum").status_code == 302

    offered = maker.text(case)
    form = {"case_id": case.pk, "amount": "120.00", "reason": "paid twice", "attachment": "t 1"}
    assert "propose_refund/?case_id" in offered
    assert "go back through Alipay" in maker.post(REFUND, form).content.decode()
    assert maker.post(REFUND, form | {"done": "1"}).status_code == 302
    refund = ChannelRefund.objects.latest("pk")
    assert checker.act(refund, "approve_refund", reason="").status_code == 302

    refund.refresh_from_db()
    assert (refund.status, refund.maker.username) == (RefundStatus.APPROVED, "finance-maker")
    page = checker.text(LedgerLine.objects.get(reference=refund.refund_no))
    for word in ("finance-maker", "finance-checker", "paid twice", "t 1"):
        assert word in page


def test_one_refund_of_a_payment_at_a_time(maker):
    _, case = stories.topped_up_twice(timezone.now())
    form = {"case_id": case.pk, "amount": "120.00", "reason": "paid twice", "done": "1"}

    answer = maker.post(REFUND, form)

    assert "under way" in answer.content.decode()
    assert "propose_refund/?case_id" not in maker.text(case)
    assert ChannelRefund.objects.count() == 1


@pytest.mark.parametrize(
    "form",
    [
        {"case_id": "99", "amount": "1.00"},
        {"order_no": "nothing", "amount": "1.00"},
        {"amount": "1.00"},
        {"case_id": "x", "amount": "1.00"},
    ],
)
def test_nothing_to_refund_is_said(maker, form):
    answer = maker.post(REFUND, form | {"reason": "because", "done": "1"})

    assert answer.status_code == 200
    assert not ChannelRefund.objects.exists()


def test_a_topup_is_refunded_out_of_its_wallet(maker, both):
    order, _ = stories.topped_up_twice(timezone.now())
    form = {"order_no": order.order_no, "amount": "20.00", "reason": "asked for it", "done": "1"}

    assert both.post(REFUND, form).status_code == 302
    refund = ChannelRefund.objects.latest("pk")
    url = desk.act_url(refund, "approve_refund")

    assert both.post(url, {"pk": refund.pk, "seen": "x", "reason": ""}).status_code == 403
    with pytest.raises(IntegrityError):
        ChannelRefund.objects.filter(pk=refund.pk).update(
            status=RefundStatus.APPROVED, checker=both.user
        )
    assert "propose_refund/?order_no" in maker.text(order)


def test_several_are_approved_at_once_and_ones_own_is_left(maker, checker):
    make.make_wallet("bob", "1.00")
    rows = [proposed(maker), proposed(maker)]
    wish = {"user_id": "bob", "amount": Decimal("12.30"), "is_credit": True, "other": "platform"}
    rows.append(adjust.propose(**wish, reason="mine", maker_id=checker.user.pk, now=timezone.now()))
    url, keys = desk.act_url(rows[0], "approve_adjustment"), [row.pk for row in rows]

    shown = checker.get(url, {"pk": keys})
    checker.post(url, {"pk": keys, "seen": desk.seen(shown), "reason": ""})

    page = shown.content.decode()
    assert "Look: the same was proposed" in page and "ticket 4711" in page
    assert "bob holds 1.00 yuan, and 13.30 afterwards" in page
    assert "2 of them, 24.60 yuan together." in page, "the checker's own is left"
    assert "bob holds 1.00 yuan, and 25.60 after all of them." in page
    states = [Adjustment.objects.get(pk=key).status for key in keys]
    assert states == [AdjustmentStatus.APPROVED] * 2 + [AdjustmentStatus.PROPOSED]
    assert balance() == Decimal("25.60")
