"""Ask the channel about one order for a person who wants to know (查单), ended or not."""

from datetime import datetime

import structlog

from payments import chase, confirm, given_back
from payments.channels import registry
from payments.channels.base import ChannelDown, Refused, State
from payments.models import PaymentOrder
from payments.states import PAYABLE, OrderStatus, PayType

log = structlog.get_logger(__name__)


def ask(*, order_id: int, now: datetime) -> State | None:
    """What the channel says of this order now; None when there is nothing to ask, or another worker
    is asking.

    An order that can be paid is chased, out of turn. One that has ended here is asked about, too:
    it may have been paid there, and the notification lost.

    Money:   none, unless the channel says paid: then as if it had notified. It goes to the owner if
             he still wants it, else into suspense with a case.
    Races:   an ended order takes no lease: it is asked and booked, never ended again, and the
             order's own WHERE lets one confirmation through.
    Repeats: what was booked is a duplicate, and moves nothing.
    Spec:    2.6, 2.7
    """
    asked = PaymentOrder.objects.get(pk=order_id)
    if asked.status in PAYABLE:
        return chase.chase(order_id=order_id, now=now, at_once=True)
    if asked.status == OrderStatus.CONFIRMED:
        return None
    try:
        answer = registry.channel(PayType(asked.pay_type), asked.merchant).query(asked)
    except (ChannelDown, Refused, LookupError) as error:
        log.warning("ask_unanswered", order_no=asked.order_no, error=str(error))
        return State.PENDING
    if answer.payment:
        confirm.confirm(payment=answer.payment, now=now, is_asked=True)
    if answer.state is State.REFUNDED:
        given_back.tell(order=asked, answer=answer, now=now)
    return answer.state
