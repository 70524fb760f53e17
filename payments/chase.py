"""Ask the channel about orders that stay silent (查单), and close what nobody paid."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import QuerySet

from kit import backoff, lease
from kit.present import present
from payments import awaiting, confirm, given_back, order
from payments.channels import http, registry
from payments.channels.base import Answer, Channel, ChannelDown, NotSent, Refused, State
from payments.models import PaymentOrder
from payments.states import PAYABLE, NoticeOutcome, OrderStatus, PayType

log = structlog.get_logger(__name__)

PAUSE_MAX = timedelta(hours=1)
# Nobody says that it was paid; if it was, its notification mostly comes within seconds.
UNREPORTED_TIMES = 4
# Silence says nothing about the order, and the breaker spares the channel.
SILENCE_MAX = timedelta(minutes=5)
LONG_PAUSE = timedelta(hours=6)  # finance has its case (awaiting.py): four questions a day go on
ENDED = (State.CLOSED, State.REFUNDED)
LEASE_S = http.LONGEST_S + 10  # and what the database takes


def chase(*, order_id: int, now: datetime, at_once: bool = False) -> State | None:
    """Ask about one order whose time has come (`at_once`: whose time has not); None when there is
    nothing to ask, another worker is asking, or the channel is left alone for now.

    Paid is confirmed as if notified. An order past its time is closed at its channel, and ends here
    only when the channel says that nobody can pay it any more: a mere "not paid yet" races with the
    payer. One that was paid with another amount has its money in suspense, and ends likewise; so
    does one that was paid and given back there: its case says so.

    Races:   a lease (kit/lease.py): one worker asks. What ends the order carries in its WHERE both
             the lease and the status that the answer was judged by: an order that was reported or
             confirmed meanwhile stays, and is asked about again. The way to the channel is taken
             before the lease: what is refused there costs no try and moves no pause.
    Repeats: killed in between, it is asked again once the lease is over.
    Spec:    2.6
    """
    asked = PaymentOrder.objects.filter(pk=order_id, status__in=PAYABLE).first()
    if asked is None:
        return None
    try:
        with registry.line(asked.pay_type, asked.merchant):
            return _chase(asked, now, at_once)
    except NotSent:
        return None


def due(now: datetime) -> QuerySet[PaymentOrder]:
    """Orders whose time has come."""
    return PaymentOrder.objects.filter(chase_at__lte=now)


def first_at(*, expire_time: datetime, now: datetime) -> datetime:
    """When to ask about an order that is made now and that nobody reports."""
    return min(now + _first(is_told=False), expire_time)


def _chase(asked: PaymentOrder, now: datetime, at_once: bool) -> State | None:
    held = _take(asked, now, at_once)
    if held is None:
        return None
    try:
        return _heed(asked, held, now)
    except (ChannelDown, Refused, LookupError) as error:
        log.warning("chase_unanswered", order_no=asked.order_no, error=str(error))
        if isinstance(error, ChannelDown) and not awaiting.is_long(asked, now):
            _ask_soon(held, now)
        return State.PENDING
    finally:
        held.end()
        if awaiting.is_long(asked, now):
            awaiting.tell(order_id=asked.pk, now=now)


def _ask_soon(held: lease.Lease, now: datetime) -> None:
    """A channel that answers again is not kept waiting for an hour by its silence of before."""
    soon = now + SILENCE_MAX
    held.rows.filter(chase_at__gt=soon).update(chase_at=soon)


def _heed(asked: PaymentOrder, held: lease.Lease, now: datetime) -> State:
    """Ask, and do what follows from the answer."""
    answer = _ask(registry.channel(PayType(asked.pay_type), asked.merchant), asked, now)
    is_unpayable = answer.state in ENDED
    if answer.state is State.REFUNDED:
        given_back.tell(order=asked, answer=answer, now=now)
    if answer.payment:
        outcome = confirm.confirm(payment=answer.payment, now=now, is_asked=True)
        # Another amount was paid: no channel takes a second payment of one order.
        is_unpayable = outcome is not NoticeOutcome.CONFIRMED and is_over(asked, now)
    if is_unpayable:
        reported = asked.status == OrderStatus.REPORTED
        to = OrderStatus.UNPAID if reported else OrderStatus.CLOSED
        as_judged = held.rows.filter(status=asked.status)
        order.end(order_id=asked.pk, to=to, now=now, rows=as_judged)
    return answer.state


def is_over(asked: PaymentOrder, now: datetime) -> bool:
    """Whether it is time to close it: never reported and past its time or superseded; reported and
    silent for too long."""
    if asked.status == OrderStatus.CREATED and asked.open_key is None:
        return True
    return now >= _over_at(asked)


def _over_at(asked: PaymentOrder) -> datetime:
    if asked.status == OrderStatus.REPORTED:
        return present(asked.reported_at) + timedelta(seconds=settings.REDPACKET_VOID_S)
    return asked.expire_time


def _take(asked: PaymentOrder, now: datetime, at_once: bool) -> lease.Lease | None:
    as_read = PaymentOrder.objects.filter(status=asked.status, chases=asked.chases)
    due = as_read if at_once else as_read.filter(chase_at__lte=now)
    return lease.take(due, asked.pk, now=now, for_s=LEASE_S, **_next(asked, now))


def _next(asked: PaymentOrder, now: datetime) -> dict[str, Any]:
    """Doubling pauses, yet never past the moment when the order is over; from then on anew."""
    over = is_over(asked, now)
    most = LONG_PAUSE if awaiting.is_long(asked, now) else PAUSE_MAX
    first = _first(is_told=over or asked.status == OrderStatus.REPORTED)
    at = now + backoff.pause(first, asked.chases, most)
    if not over and at >= _over_at(asked):
        return {"chase_at": _over_at(asked), "chases": 0}
    return {"chase_at": at, "chases": asked.chases + 1}


def _first(*, is_told: bool) -> timedelta:
    times = 1 if is_told else UNREPORTED_TIMES
    return timedelta(seconds=settings.REDPACKET_CHASE_S * times)


def _ask(channel: Channel, asked: PaymentOrder, now: datetime) -> Answer:
    answer = channel.query(asked)
    if answer.state in (State.PAID, *ENDED) or not is_over(asked, now):
        return answer
    return channel.close(asked)
