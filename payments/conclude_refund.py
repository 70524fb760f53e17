"""A person's word on a channel refund that its channel cannot tell of, or cannot deliver."""

from datetime import datetime

from kit import credentials, retry
from kit.refusals import Forbidden
from payments import end_refund
from payments.channels.base import RefundAnswer, RefundState
from payments.models import ChannelRefund
from payments.states import RefundStatus


@retry.unit
def conclude(
    *,
    refund_no: str,
    is_paid: bool,
    staff_id: int,
    says: str,
    now: datetime,
    also: retry.Also | None = None,
) -> bool:
    """Finance has looked at the channel's own pages: the payer has the money, or we have it again.
    False when nobody is asked to say so (any more).

    Money:   paid: none moves. Returned: clearing -> where the refund came from, one line, as when
             the channel itself says that it failed.
    Races:   the row's WHERE: of two words, and of the channel's, the first counts.
    Raises:  Forbidden (403) for whoever approved it: who let the money go does not say where it is.
             Fresh (403) for whoever has new credentials.
    """
    credentials.refuse_fresh(staff_id, now=now)
    refund = ChannelRefund.objects.get(refund_no=refund_no)
    if refund.checker_id == staff_id:
        raise Forbidden()
    if not end_refund.is_waited_for(refund):
        return False
    open_ones = (RefundStatus.SENT, RefundStatus.PARKED)
    rows = ChannelRefund.objects.filter(pk=refund.pk, status__in=open_ones)
    state = RefundState.DONE if is_paid else RefundState.FAILED
    end = end_refund.done if is_paid else end_refund.fail
    return end(refund, rows, answer=RefundAnswer(state, says), now=now)
