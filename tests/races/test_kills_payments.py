"""SIGKILL between any two statements of what moves money at a channel: asked, told or compared
again, it comes to the same as if nobody had died."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from packets import settle
from packets.models import RedPacket, Share
from packets.states import Kind
from payments import bills, channel_refund, chase, notify, reconcile, send_refund
from payments.models import Bill, Case, PaymentOrder
from payments.states import CaseKind, CaseStatus, OrderStatus, PayType, RefundStatus
from payments.tests import test_reconcile as tr
from payments.tests.conftest import keys as keys
from payments.tests.conftest import offer
from payments.tests.conftest import there as there
from payments.tests.test_send_refund import CHANNELS, topup_of_bob
from payments.tests.test_send_refund import books as books
from payments.tests.test_send_refund import no_pause as no_pause
from testing.make import confirm, make_reported_packet, make_topup
from testing.pretend import said
from tests.races.test_kills import grab_it, killed_at_each_statement
from wallets.models import LedgerLine, Wallet


@pytest.fixture
def alipay(monkeypatch):
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def balance(user: str) -> Decimal:
    return Wallet.objects.filter(pk=user).values_list("balance", flat=True).first() or Decimal(0)


def taken() -> tuple[RedPacket, PaymentOrder]:
    """On the sender's word alone; u1 has one share of two."""
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")
    grab_it(packet, "u1")
    return packet, order


def credited_once(packet: RedPacket) -> None:
    """To whoever has a share, and whatever was left to do is done by the sweeps."""
    later = timezone.now() + timedelta(minutes=1)
    for number in (1, 2):
        settle.run_pass(rp_id=packet.pk, number=number, now=later)
    [share] = Share.objects.filter(rp=packet, user_id="u1")
    assert share.is_into_account
    assert LedgerLine.objects.filter(source=f"escrow:{packet.public_id}").count() == 1


def test_killed_notification_confirms_once(alipay):
    def hear(made):
        _, order = made
        notice = said(order.order_no, "2.00", f"T-{order.order_no}")
        return notify.receive(pay_type=PayType.ALIPAY, notice=notice, now=timezone.now())

    def confirmed_once(made):
        """The channel got no acknowledgement, and knocks again."""
        assert hear(made).body == b"success"
        packet, order = made
        assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 1
        order.refresh_from_db()
        assert order.status == OrderStatus.CONFIRMED
        credited_once(packet)

    assert killed_at_each_statement(taken, hear, confirmed_once) >= 10
    assert not Case.objects.exists()


def test_killed_settlement_credits_once(alipay):
    def confirmed():
        packet, order = taken()
        assert confirm(order, timezone.now())
        return packet

    def first_pass(packet):
        settle.run_pass(rp_id=packet.pk, number=1, now=timezone.now())

    assert killed_at_each_statement(confirmed, first_pass, credited_once) >= 4


def test_killed_void_gives_nobody_anything(alipay):
    """Asked, the channel says that the order is closed; whoever asks dies anywhere after that."""
    late = timezone.now() + timedelta(days=2)

    def closed():
        packet, order = taken()
        alipay.closed.add(order.order_no)
        return packet, order

    def void(made):
        chase.chase(order_id=made[1].pk, now=late, at_once=True)

    def void_once(made):
        packet, order = made
        after = late + timedelta(seconds=chase.LEASE_S + 1)
        chase.chase(order_id=order.pk, now=after, at_once=True)
        packet.refresh_from_db()
        order.refresh_from_db()
        assert order.status == OrderStatus.UNPAID
        assert packet.voided_at is not None
        assert not LedgerLine.objects.filter(source=f"escrow:{packet.public_id}").exists()
        assert balance("u1") == 0

    assert killed_at_each_statement(closed, void, void_once) >= 8


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_killed_refund_goes_back_once(books):
    """Approved, and its worker dies anywhere: before, while or after the channel was told."""
    maker, checker = (get_user_model().objects.create_user(name).pk for name in ("m", "c"))
    count = iter(range(1000))

    def approved():
        order = topup_of_bob(books.pay_type, timezone.now(), order_no=f"hb{next(count):04d}")
        assert confirm(order, timezone.now())
        wish = {"amount": order.amount, "reason": "x", "maker_id": maker, "now": timezone.now()}
        refund = channel_refund.propose(order_no=order.order_no, **wish)
        channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=timezone.now())
        books.told.clear()
        return refund

    def tell(refund):
        send_refund.send(refund_id=refund.pk, now=timezone.now())

    def back_once(refund):
        for day in (1, 2, 3):
            after = timezone.now() + timedelta(days=day)
            send_refund.send(refund_id=refund.pk, now=after)
        refund.refresh_from_db()
        assert refund.status == RefundStatus.DONE
        assert books.told.count("refund") == 1, "told again without having asked"
        lines = LedgerLine.objects.filter(reference=refund.refund_no)
        assert [line.amount for line in lines] == [50]
        assert balance("bob") == 0

    assert killed_at_each_statement(approved, tell, back_once) >= 6
    assert not Case.objects.exists()


def test_killed_comparison_is_made_again(monkeypatch):
    """Of a bill that names a stranger's payment, and lacks ours."""
    offer(monkeypatch, PayType.WECHAT)
    count = iter(range(1000))

    def a_day():
        day = tr.DAY + timedelta(days=10 * next(count))
        at = tr.NOON + (day - tr.DAY)
        assert confirm(make_topup(pay_type=PayType.WECHAT, key=str(day), now=at), at)
        return day, tr.wechat([tr.Row("x", f"S{day}", "1.00", at)])

    def compare(made, *, late: timedelta = timedelta()):
        day, content = made
        now = bills.usual(day) + late
        reconcile.reconcile(pay_type=PayType.WECHAT, day=day, content=content, now=now)

    def compared_once(made):
        compare(made, late=timedelta(seconds=reconcile.LEASE_S + 1))
        bill = Bill.objects.get(day=made[0])
        assert (bill.rows, bill.matched, bill.differences, bill.missing) == (1, 0, 2, 1)
        found = Case.objects.filter(reference__contains=str(made[0]), status=CaseStatus.OPEN)
        kinds = sorted(found.values_list("kind", flat=True))
        assert kinds == [CaseKind.BILL_SHORTFALL, CaseKind.BILL_SURPLUS]

    assert killed_at_each_statement(a_day, compare, compared_once) >= 15
