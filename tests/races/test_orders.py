"""Orders that are reported, opened and ended at the same moment; each guard with its twin."""

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from packets import void
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import order as orders
from payments import purposes
from payments.models import PaymentOrder
from payments.states import OrderStatus, PayType
from redpacket_site.kit.caller import Caller
from redpacket_site.kit.problems import OrderClosed
from tests.make import make_order, make_packet, make_reported_packet
from tests.races.forks import in_threads


def report(order) -> PaymentOrder:
    return orders.report(
        order_no=order.order_no, caller=Caller(order.user_id), result=None, now=timezone.now()
    )


def tell_without_waiting(order) -> None:
    """The report's second half; when a row that it wants is somebody else's, 1205 at once."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 0")
    orders._tell(order_id=order.pk, now=timezone.now())


@contextmanager
def before_the_end_commits(monkeypatch, meanwhile):
    """The end of an order has told its owner; meanwhile() runs elsewhere; only then it commits."""
    owner, found = purposes.owner("packet"), []

    def ended(order, now):
        owner.ended(order, now)
        found.extend(in_threads([lambda: meanwhile(order)]))

    monkeypatch.setitem(
        purposes._owners,
        "packet",
        purposes.Owner(owner.accepts, owner.confirmed, owner.reported, ended),
    )
    yield found
    monkeypatch.setitem(purposes._owners, "packet", owner)


# --- a report and the end of its order: who comes first is seen by the other


def end_while_it_is_reported(monkeypatch) -> tuple[RedPacket, PaymentOrder, object]:
    """The report is announced; the channel says that nobody can pay; the report goes on."""
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    order = make_order(packet)
    orders._announce(order_id=order.pk, now=timezone.now())
    with before_the_end_commits(monkeypatch, tell_without_waiting) as found:
        assert orders.end(order_id=order.pk, to=OrderStatus.UNPAID, now=timezone.now())
    packet.refresh_from_db()
    order.refresh_from_db()
    return packet, order, found[0]


def test_report_and_end_leave_no_packet_that_waits_for_nobody(on_mariadb, monkeypatch):
    packet, order, told = end_while_it_is_reported(monkeypatch)

    assert isinstance(told, OperationalError), "the report waits until the end has committed"
    assert (packet.pay_status, order.status) == (PayStatus.UNPAID, OrderStatus.UNPAID)
    with pytest.raises(OrderClosed):
        report(order)
    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.UNPAID


@pytest.mark.broken_books
def test_report_and_end_leave_no_packet_that_waits_for_nobody_without_the_guard(
    on_mariadb, monkeypatch
):
    """Nothing is held, as when the lock was asked for by a state that the row was not in (yet)."""
    monkeypatch.setattr(void, "hold", lambda model, key: True)

    packet, order, told = end_while_it_is_reported(monkeypatch)

    assert told is None
    assert (packet.pay_status, packet.voided_at) == (PayStatus.AWAITING, None)
    assert (order.status, order.chase_at) == (OrderStatus.UNPAID, None), "and nobody asks"


def test_the_end_that_comes_after_the_report_voids(on_mariadb):
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")

    assert orders.end(order_id=order.pk, to=OrderStatus.UNPAID, now=timezone.now())

    packet.refresh_from_db()
    assert packet.voided_at is not None


def test_two_orders_that_end_at_once_take_turns(on_mariadb, monkeypatch):
    """The first one still sees the second as payable; the second waits, and then sees the first."""
    packet, first = make_reported_packet()
    second = make_order(packet, PayType.WECHAT)

    def end_second(ended):
        if ended.pk != first.pk:
            return None
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 0")
        return orders.end(order_id=second.pk, to=OrderStatus.CLOSED, now=timezone.now())

    with before_the_end_commits(monkeypatch, end_second) as found:
        assert orders.end(order_id=first.pk, to=OrderStatus.UNPAID, now=timezone.now())

    assert isinstance(found[0], OperationalError)
    assert RedPacket.objects.get().voided_at is None
    assert orders.end(order_id=second.pk, to=OrderStatus.CLOSED, now=timezone.now())
    assert RedPacket.objects.get().voided_at is not None


# --- what was read before an HTTP call decides nothing


def closed_as_read() -> tuple[RedPacket, PaymentOrder]:
    """It was read as created, so it is to be closed; meanwhile the app has reported it."""
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    order = make_order(packet)
    report(order)
    orders.end(order_id=order.pk, to=OrderStatus.CLOSED, now=timezone.now())
    packet.refresh_from_db()
    order.refresh_from_db()
    return packet, order


def test_what_was_read_as_created_is_not_closed_once_it_is_reported():
    packet, order = closed_as_read()

    assert (order.status, packet.voided_at) == (OrderStatus.REPORTED, None)
    assert order.chase_at is not None


@pytest.mark.broken_books
def test_what_was_read_as_created_is_not_closed_once_it_is_reported_without_the_guard(monkeypatch):
    def careless(rows, *, to=None, **facts):
        status = {} if to is None else {"status": to}
        return rows.update(**status, **facts) == 1

    monkeypatch.setattr(orders, "move", careless)

    packet, order = closed_as_read()

    assert order.status == OrderStatus.CLOSED
    assert packet.voided_at is not None, "while its money is on the way"
