"""What a channel sends: kept and heeded when it is genuine, else a stranger's."""

import pytest
from django.utils import timezone

from payments import notify
from payments.models import Notification, PaymentOrder
from payments.states import NoticeOutcome, OrderStatus, PayType
from testing.make import make_order, make_packet
from testing.pretend import said
from wallets.models import LedgerLine


@pytest.fixture
def order(alipay) -> PaymentOrder:
    return make_order(make_packet())


def receive(notice) -> bytes:
    now = timezone.now()
    return notify.receive(pay_type=PayType.ALIPAY, notice=notice, now=now, address="192.0.2.1").body


def test_a_genuine_one_is_kept_heeded_and_acknowledged_each_time(order):
    notice = said(order.order_no, "10.00")

    assert [receive(notice), receive(notice)] == [b"success"] * 2

    order.refresh_from_db()
    assert order.status == OrderStatus.CONFIRMED
    outcomes = Notification.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == [NoticeOutcome.CONFIRMED, NoticeOutcome.DUPLICATE]
    assert LedgerLine.objects.count() == 1


@pytest.mark.parametrize("what", ["a wrong signature", "no order of ours"])
def test_nothing_is_confirmed_by_what_is_not_ours(order, what):
    forged = said(order.order_no, "10.00", sign="bad")
    unknown = said("hb-unknown", "10.00")

    answer = receive(forged if what == "a wrong signature" else unknown)

    order.refresh_from_db()
    assert order.status == OrderStatus.CREATED
    if what == "a wrong signature":
        assert answer == b"failure"
        assert not LedgerLine.objects.exists()
    else:
        assert answer == b"success"
        assert LedgerLine.objects.get().target == "suspense"


def test_what_is_no_payment_is_kept_and_changes_nothing(order):
    assert receive(said(order.order_no, "10.00", state="waiting")) == b"success"

    order.refresh_from_db()
    assert order.status == OrderStatus.CREATED
    assert Notification.objects.count() == 1
    assert not LedgerLine.objects.exists()
