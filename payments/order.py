"""An order at a channel: reported by the app, superseded, ended; opening.py makes it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from kit import later, pause, retry
from kit.http.caller import Caller
from kit.money import ZERO, total
from kit.moves import move
from kit.refusals import Invalid, NotFound
from payments import awaiting, purposes
from payments.channels import registry
from payments.channels.base import Forged
from payments.models import PaymentOrder
from payments.purposes import Misfit
from payments.refusals import ChannelUnavailable, OrderClosed
from payments.states import CaseKind, OrderStatus, PayType

log = structlog.get_logger(__name__)


def mine(*, order_no: str, caller: Caller) -> PaymentOrder:
    """Raises: NotFound (404) for an order that is unknown or somebody else's."""
    order = PaymentOrder.objects.filter(order_no=order_no, user_id=caller.user_id).first()
    if order is None:
        raise NotFound()
    return order


def report(*, order_no: str, caller: Caller, result: str | None, now: datetime) -> PaymentOrder:
    """The app says that it has paid (同步回调): hearsay, so it confirms nothing; its owner is told,
    unless its sender has reported too much, too often, or too much that was never paid.

    Two transactions, announce and then look: two reports at once see each other, so their sender
    cannot slip past REDPACKET_AWAITING_MAX or REDPACKET_AWAITING_NUMBER between them.

    Races:   created -> reported by the row's WHERE; nothing ever moves backwards.
    Repeats: the owner is told again, and does nothing.
    Raises:  NotFound (404), Invalid (400) when a signed result does not verify, OrderClosed (409).
    Spec:    1.7
    """
    order = mine(order_no=order_no, caller=caller)
    if result is not None:
        _verify(order, result)
    if order.status == OrderStatus.CONFIRMED or _is_paid_otherwise(order):
        return order
    _announce(order_id=order.pk, now=now)
    order.refresh_from_db()
    if order.status == OrderStatus.REPORTED:
        pause.here("order: has announced the report")
        _tell(order_id=order.pk, now=now)
    elif order.status != OrderStatus.CONFIRMED:
        raise OrderClosed()
    return order


def _verify(order: PaymentOrder, result: str) -> None:
    try:
        registry.channel(PayType(order.pay_type), order.merchant).result(order, result)
    except Forged as error:
        log.warning("report_forged", order_no=order.order_no, error=str(error))
        raise Invalid(errors={"result": ["signature"]}) from None
    except LookupError:
        raise ChannelUnavailable() from None


def _is_paid_otherwise(order: PaymentOrder) -> bool:
    fit = purposes.owners[order.purpose].accepts(order)
    return isinstance(fit, Misfit) and fit.kind is CaseKind.SECOND_PAYMENT


@retry.unit
def _announce(*, order_id: int, now: datetime) -> bool:
    return move(
        PaymentOrder.objects.filter(pk=order_id),
        to=OrderStatus.REPORTED,
        reported_at=now,
        chase_at=now + timedelta(seconds=settings.REDPACKET_CHASE_S),
        chases=0,
    )


@retry.unit
def _tell(*, order_id: int, now: datetime) -> None:
    order = PaymentOrder.objects.get(pk=order_id)
    reported = PaymentOrder.objects.filter(
        user_id=order.user_id, status=OrderStatus.REPORTED, purpose=order.purpose
    )
    if order.status != OrderStatus.REPORTED:
        return
    if is_over_limit(reported) or _came_to_nothing(order, now):
        log.info("report_over_limit", order_no=order.order_no)
        return
    purposes.owners[order.purpose].reported(order, now)


def is_over_limit(reported: QuerySet[PaymentOrder]) -> bool:
    """Whether more is awaited of one sender than hearsay may send out, in yuan or in number."""
    if total(reported, "amount") > max(settings.REDPACKET_AWAITING_MAX, ZERO):
        return True
    return reported.count() > settings.REDPACKET_AWAITING_NUMBER


def _came_to_nothing(order: PaymentOrder, now: datetime) -> bool:
    """Whether so many of this sender's reports were never paid that another one is not believed."""
    since = now - timedelta(seconds=settings.REDPACKET_VOIDED_S)
    unpaid = PaymentOrder.objects.filter(
        user_id=order.user_id,
        status=OrderStatus.UNPAID,
        purpose=order.purpose,
        ended_at__gte=since,
    )
    return unpaid.count() >= settings.REDPACKET_VOIDED_MAX


def supersede(*, purpose: str, reference: str, now: datetime, but: int) -> None:
    """Something else is to pay: the other orders that nobody reported are to be closed at their
    channels, as far as they can be. For use inside a transaction that has made `but`'s row its
    own."""
    others = _others(purpose, reference).exclude(pk=but)
    _shut(list(others.values_list("pk", flat=True)), now)


def paid(*, purpose: str, reference: str, now: datetime) -> None:
    """It is paid: the other orders are superseded. For use inside a transaction.

    Races: behind the commit. Two orders of one packet that are confirmed at once would each hold
           its own row and wait for the other's; so would one that is confirmed, and a payment by
           balance. Who they are is read before: what is opened afterwards pays something new.
    """
    others = list(_others(purpose, reference).values_list("pk", flat=True))
    if others:  # should it fail, they are open until their time is over
        transaction.on_commit(lambda: _shut(others, now), robust=True)


def _others(purpose: str, reference: str) -> QuerySet[PaymentOrder]:
    return PaymentOrder.objects.filter(
        purpose=purpose, reference=reference, status=OrderStatus.CREATED
    )


def _shut(order_ids: Iterable[int], now: datetime) -> None:
    for order_id in order_ids:
        done = move(
            PaymentOrder.objects.filter(pk=order_id, status=OrderStatus.CREATED),
            open_key=None,
            chase_at=now,
            chases=0,
        )
        if done:
            transaction.on_commit(partial(later.run, "payments.chase_order", order_id))


@retry.unit
def end(
    *, order_id: int, to: OrderStatus, now: datetime, rows: QuerySet[PaymentOrder] | None = None
) -> bool:
    """Nobody can pay this order any more; its owner is told. False when it ended before.

    `rows` is the row for as long as what the caller decided by still holds.

    Races: the row's WHERE, by ORDER_MOVES: a confirmation that was faster stays; and an order that
           was reported meanwhile is not closed as one that nobody spoke of.
    """
    row = PaymentOrder.objects.filter(pk=order_id)
    as_judged = row if rows is None else rows
    if not move(as_judged, to=to, ended_at=now, open_key=None, chase_at=None):
        return False
    order = row.get()
    awaiting.known(order, now)
    purposes.owners[order.purpose].ended(order, now)
    return True
