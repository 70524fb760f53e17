"""Orders that are reported, opened and ended at the same moment; each guard with its twin."""

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from kit.http.caller import Caller
from packets import pay, void
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import chase, opening, purposes
from payments import order as orders
from payments.channels.base import Refused, State
from payments.models import PaymentOrder
from payments.refusals import ChannelUnavailable, OrderClosed
from payments.states import OrderStatus, PayType, Scene
from payments.tests.conftest import offer
from testing.forks import in_threads
from testing.make import confirm, make_order, make_packet, make_reported_packet, user
from testing.pretend import Pretend


def report(order) -> PaymentOrder:
    return orders.report(
        order_no=order.order_no, caller=Caller(order.user_id), result=None, now=timezone.now()
    )


def tell_without_waiting(order) -> None:
    """The report's second half; when a row that it wants is somebody else's, 1205 at once."""
    with connection.cursor() as cursor:
        cursor.execute(connection.lock_wait(0))
    orders._tell(order_id=order.pk, now=timezone.now())


@contextmanager
def before_the_end_commits(monkeypatch, meanwhile):
    """The end of an order has told its owner; meanwhile() runs elsewhere; only then it commits."""
    owner, found = purposes.owners["packet"], []

    def ended(order, now):
        owner.ended(order, now)
        found.extend(in_threads([lambda: meanwhile(order)]))

    monkeypatch.setitem(
        purposes.owners,
        "packet",
        purposes.Owner(owner.accepts, owner.confirmed, owner.reported, ended),
    )
    yield found
    monkeypatch.setitem(purposes.owners, "packet", owner)


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
            cursor.execute(connection.lock_wait(0))
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


# --- twins that open one order: the channel takes one of them for the other's double


@pytest.fixture
def channel(monkeypatch) -> Pretend:
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def opened_by_a_slow_twin(channel) -> tuple[PaymentOrder, RedPacket]:
    """A call to the channel takes long. The app repeats it, is served, its user pays, it reports;
    then the first call is refused as a double."""
    packet, alice = make_packet(Kind.EQUAL, 2, "1.00"), Caller("alice")
    make_once, calls = channel.create, []

    def open_it() -> PaymentOrder:
        return pay.by_channel(
            public_id=packet.public_id,
            caller=alice,
            pay_type=PayType.ALIPAY,
            scene=Scene.APP,
            payer_ip="",
            now=timezone.now(),
        )

    def create(order, wanted):
        calls.append(order.pk)
        if len(calls) > 1:
            return make_once(order, wanted)
        report(open_it())
        raise Refused("a double")

    channel.create = create
    with pytest.raises(ChannelUnavailable):
        open_it()
    assert calls == [calls[0]] * 2
    packet.refresh_from_db()
    return PaymentOrder.objects.get(), packet


def test_refused_as_a_double_ends_no_order_that_is_being_paid(channel):
    order, packet = opened_by_a_slow_twin(channel)

    assert (order.status, packet.voided_at) == (OrderStatus.REPORTED, None)
    channel.pay(order)
    assert chase.chase(order_id=order.pk, now=order.chase_at) is State.PAID
    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.PAID


@pytest.mark.broken_books
def test_refused_as_a_double_ends_no_order_that_is_being_paid_without_the_guard(
    channel, monkeypatch
):
    def careless(*, order_id, to, now, rows):
        PaymentOrder.objects.filter(pk=order_id).update(status=to, chase_at=None)
        void.ended(PaymentOrder.objects.get(pk=order_id), now)

    monkeypatch.setattr(opening, "end", transaction.atomic(careless))

    order, packet = opened_by_a_slow_twin(channel)

    assert order.status == OrderStatus.FAILED
    assert packet.voided_at is not None, "and its money will fit nothing"


def test_nobody_is_given_an_order_that_has_ended(channel):
    """Refused as a double before the other one's answer is here: it ends, and is not given."""
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    make_once = channel.create

    def create(order, wanted):
        assert orders.end(order_id=order.pk, to=OrderStatus.FAILED, now=timezone.now())
        return make_once(order, wanted)

    channel.create = create
    wish = {"pay_type": "alipay", "scene": "app"}

    answer = user("alice").post(f"packets/{packet.public_id}/pay", wish)

    assert answer.status_code == 503
    assert PaymentOrder.objects.get().pay_params is None
    channel.create = make_once
    again = user("alice").post(f"packets/{packet.public_id}/pay", wish).json()["order"]
    assert again["order_no"] != PaymentOrder.objects.earliest("pk").order_no


# --- two orders of one packet that are paid at once: neither waits for the other's row


def confirm_while_the_other_is_held() -> tuple[PaymentOrder, PaymentOrder, object]:
    """A confirmation of the second order has its row, and wants the packet's; the first one comes
    and does not wait for anything that the second one has."""
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    first, second = make_order(packet), make_order(packet, PayType.WECHAT)

    def confirm_first():
        with connection.cursor() as cursor:
            cursor.execute(connection.lock_wait(0))
        confirm(first, timezone.now())

    with transaction.atomic():
        PaymentOrder.objects.filter(pk=second.pk).update(chases=1)
        (found,) = in_threads([confirm_first])
    first.refresh_from_db()
    second.refresh_from_db()
    return first, second, found


def test_a_confirmation_waits_for_no_other_order(on_mariadb):
    first, second, found = confirm_while_the_other_is_held()

    assert found is None
    assert first.status == OrderStatus.CONFIRMED
    # Its row was held when the first one's commit was through: it is left until its time is over.
    assert (second.status, second.chase_at) == (OrderStatus.CREATED, second.expire_time)


def test_a_confirmation_waits_for_no_other_order_without_the_guard(on_mariadb, monkeypatch):
    """The other orders are superseded in the confirmation's own transaction."""
    monkeypatch.setattr(orders, "paid", lambda **words: orders.supersede(**words, but=0))

    first, _, found = confirm_while_the_other_is_held()

    assert isinstance(found, OperationalError)
    assert first.status == OrderStatus.CREATED


def test_what_else_was_open_is_closed_behind_the_commit():
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    first, second = make_order(packet), make_order(packet, PayType.WECHAT)
    now = timezone.now()

    confirm(first, now)

    second.refresh_from_db()
    assert second.chase_at == now
