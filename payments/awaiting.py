"""Reported, and for days neither paid nor unpaid (久未到账): finance is told, once.

A channel that was taken out of the settings, or that answers an error to every question, leaves
takers waiting for money that nobody can promise or refuse.
"""

from datetime import datetime, timedelta

from kit import retry
from kit.moves import hold
from payments import cases
from payments.models import PaymentOrder
from payments.states import CaseKind, OrderStatus

LONG_S = 24 * 3600  # no channel takes a day to show a payment; by then somebody should look


def is_long(order: PaymentOrder, now: datetime) -> bool:
    """Whether it has been silent for longer than any payment takes: since it was reported, or since
    it could no longer be paid."""
    return now >= (order.reported_at or order.expire_time) + timedelta(seconds=LONG_S)


@retry.unit
def tell(*, order_id: int, now: datetime) -> bool:
    """Open the case of one order that still awaits its money; False when nobody waits that long.

    Money:   none moves, and the case holds none.
    Races:   the order's row is held before it is looked at: whoever confirms or ends it comes
             before, and there is nothing to tell, or behind, and closes the case (known).
    Repeats: one case an order, also when a person has closed it.
    """
    hold(PaymentOrder, order_id)
    order = PaymentOrder.objects.get(pk=order_id)
    if order.status != OrderStatus.REPORTED or not is_long(order, now):
        return False
    cases.open_about(order, kind=CaseKind.AWAITING_LONG, reference=_about(order), now=now)
    return True


def known(order: PaymentOrder, now: datetime) -> None:
    """It was paid, or will never be: nobody need look any more. For use inside the transaction that
    confirms or ends the order."""
    if is_long(order, now):
        says = str(OrderStatus(order.status).label)
        cases.known(kinds=(CaseKind.AWAITING_LONG,), reference=_about(order), says=says, now=now)


def _about(order: PaymentOrder) -> str:
    """No ledger line bears it: the case holds no money."""
    return f"order:{order.order_no}"
