"""How a refund that was told ends: each way once, and where its money is then."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from payments import end_refund, send_refund
from payments.channels.base import RefundAnswer, RefundState
from payments.models import Case, ChannelRefund
from payments.states import CaseKind, CaseStatus, RefundStatus
from wallets import accounts
from wallets.audit import sums
from wallets.statement import balance

SAID = RefundAnswer(RefundState.DONE, "said so")


@pytest.fixture
def sent(alipay, approved) -> ChannelRefund:
    """Told to its channel, which has not done it yet."""
    alipay.refunds = RefundState.PENDING
    send_refund.send(refund_id=approved.pk, now=timezone.now() + timedelta(seconds=1))
    approved.refresh_from_db()
    assert approved.status == RefundStatus.SENT
    return approved


def ends(verb, refund: ChannelRefund) -> bool:
    """As whoever heard it: by the row as it was judged."""
    rows = ChannelRefund.objects.filter(pk=refund.pk, status=refund.status)
    with transaction.atomic():
        done = verb(refund, rows, answer=SAID, now=timezone.now())
    refund.refresh_from_db()
    return bool(done)


def money() -> tuple[str, str, str]:
    """In bob's wallet, at the channel, and out of our own."""
    names = (accounts.clearing("alipay"), accounts.PLATFORM)
    held = sums(names)
    found = (balance("bob").balance, -(held[names[0]] or 0), held[names[1]] or 0)
    return tuple(f"{amount:.2f}" for amount in found)


def kinds() -> list[CaseKind]:
    return [CaseKind(case.kind) for case in Case.objects.filter(status=CaseStatus.OPEN)]


def test_done_leaves_the_money_where_the_approval_put_it(sent):
    assert ends(end_refund.done, sent)

    assert (sent.status, money()) == (RefundStatus.DONE, ("0.00", "0.00", "0.00"))
    assert kinds() == []


def test_failed_gives_it_back_once_and_makes_a_case(sent):
    judged = ChannelRefund.objects.get(pk=sent.pk)
    assert ends(end_refund.fail, sent)
    assert not ends(end_refund.fail, judged), "judged by what it was before"

    assert (sent.status, money()) == (RefundStatus.FAILED, ("50.00", "50.00", "0.00"))
    assert kinds() == [CaseKind.REFUND_FAILED]


def test_parked_leaves_it_at_the_channel_until_somebody_says(sent):
    assert ends(end_refund.park, sent)

    assert (sent.status, money()) == (RefundStatus.PARKED, ("0.00", "0.00", "0.00"))
    assert kinds() == [CaseKind.REFUND_PARKED]


@pytest.mark.broken_books  # the audit names the case until it is closed
def test_done_after_all_is_carried_by_the_platform(sent):
    ends(end_refund.fail, sent)

    assert ends(end_refund.done_after_all, sent)

    assert (sent.status, money()) == (RefundStatus.DONE, ("50.00", "0.00", "-50.00"))
    assert CaseKind.REFUND_LATE in kinds()
