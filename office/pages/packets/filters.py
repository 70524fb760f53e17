"""Packets by their state, which no column holds: each state by the index whose rows it is."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kit import clock
from office.frame.filters import ChoiceFilter
from office.shown.packets import STATE_WORDS
from packets.states import PacketState, PayStatus

AWAITING, OVERDUE = "awaiting", "overdue"
_ISSUED = {"pay_status": PayStatus.PAID}

# state -> its rows but for the time, and the column in whose order an index has them ("": the key)
_ROWS = {
    PacketState.UNPAID: (Q(draft_until__isnull=False), "draft_until"),
    AWAITING: (Q(pay_status=PayStatus.AWAITING, voided_at=None), ""),
    PacketState.OPEN: (Q(**_ISSUED, is_cli_handle=False), "expire_time"),
    PacketState.FINISHED: (
        Q(**_ISSUED, is_cli_handle=True, expend_time__isnull=False),
        "expire_time",
    ),
    OVERDUE: (Q(**_ISSUED, is_cli_handle=False), "expire_time"),
    PacketState.EXPIRED: (Q(**_ISSUED, is_cli_handle=True, expend_time=None), "expire_time"),
    PacketState.VOID: (Q(pay_status=PayStatus.AWAITING, voided_at__isnull=False), ""),
    PacketState.CLOSED: (Q(pay_status=PayStatus.UNPAID, closed_at__isnull=False), ""),
}
_WORDS = {
    **STATE_WORDS,
    AWAITING: PayStatus.AWAITING.label,
    OVERDUE: _("expired, not returned yet"),
}


class PacketStateFilter(ChoiceFilter):
    takes, called = ("state",), _("state")

    @property
    def ranged(self) -> str:
        return _ROWS[self.word][1] if self.word else ""

    def words(self):
        return {str(word): _WORDS[word] for word in _ROWS}

    def condition(self, request, word):
        rows, now = _ROWS[word][0], clock.now()
        if word == PacketState.OPEN:
            return rows & Q(expire_time__gt=now)
        return rows & Q(expire_time__lte=now) if word == OVERDUE else rows
