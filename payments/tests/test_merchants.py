"""Whose bill is asked for after a channel's merchant has changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments import bills, cases, channel_refund, merchants, notify, reconcile, send_refund
from payments.channels import registry
from payments.channels.base import NoBill, Refused
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, PayType
from payments.tests.test_conclude_refund import make_staff
from testing.make import make_topup
from testing.pretend import Pretend, said

LATER = timedelta(days=10)


@pytest.fixture
def former(alipay) -> Pretend:
    """Whom we were at Alipay before, and still are until `moved`."""
    alipay.merchant = alipay.account = "former"
    return alipay


def moved(former: Pretend, monkeypatch) -> Pretend:
    new = Pretend(PayType.ALIPAY, merchant="new", account="new")
    known = {"": new, "new": new, "former": former}
    monkeypatch.setattr(registry, "channel", lambda pay_type, merchant="": known[merchant])
    monkeypatch.setattr(registry, "every", lambda pay_type: [new, former])
    return new


def asked(day) -> list[tuple[str, bool]]:
    found = merchants.billed(PayType.ALIPAY, day)
    return [(billed.channel.merchant, billed.is_sure) for billed in found]


def test_a_refund_of_a_payment_that_no_order_names(former, monkeypatch):
    """Its notification alone says whose money it was; his bill has the refund."""
    now = timezone.now()
    notify.receive(pay_type=PayType.ALIPAY, notice=said("nobodys", "7.00", "T9"), now=now)
    case = Case.objects.get(kind=CaseKind.UNKNOWN_ORDER)
    moved(former, monkeypatch)
    refund = channel_refund.propose(
        case_id=case.pk, amount=case.amount, reason="not ours", maker_id=make_staff("m"), now=now
    )
    later = now + LATER
    channel_refund.approve(refund_no=refund.refund_no, checker_id=make_staff("c"), now=later)
    send_refund.send(refund_id=refund.pk, now=later)

    day = bills.day_of(PayType.ALIPAY, ChannelRefund.objects.get().done_at)

    assert asked(day) == [("new", True), ("former", True)]
    assert asked(day + 3 * timedelta(days=1)) == [("new", True)]
    cases.resolve(case_id=case.pk, staff_id=make_staff("r"), resolution="back", now=later)


def test_an_order_of_before_may_be_paid_late(former, monkeypatch):
    """Closed here, and its notification lost: his bill alone would know."""
    order = make_topup()
    PaymentOrder.objects.filter(pk=order.pk).update(merchant="former", chase_at=None)
    new = moved(former, monkeypatch)
    day = bills.day_of(PayType.ALIPAY, order.add_time)
    new.bill = lambda day: b"new"

    assert asked(day + LATER) == [("new", True), ("former", False)]
    assert reconcile.download(pay_type=PayType.ALIPAY, day=day + LATER) == [b"new"]

    former.bill = lambda day: b"former"
    assert reconcile.download(pay_type=PayType.ALIPAY, day=day + LATER) == [b"new", b"former"]

    assert asked(day + merchants.LATE + 3 * timedelta(days=1)) == [("new", True)]


def test_a_bill_that_must_be_there_and_is_refused(former, monkeypatch):
    order = make_topup()
    PaymentOrder.objects.filter(pk=order.pk).update(merchant="former")  # still asked about
    new = moved(former, monkeypatch)

    def none(day):
        raise NoBill("none")

    new.bill = none

    with pytest.raises(Refused, match="no bill"):
        reconcile.download(
            pay_type=PayType.ALIPAY, day=bills.day_of(PayType.ALIPAY, order.add_time)
        )
