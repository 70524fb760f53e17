"""How a channel refund that was told goes on: done, failed, parked, stuck, or done after all.

Each is for use inside the transaction of whoever heard it. `rows` is the refund's row for as long
as what was heard still counts: the lease that it was heard under, and the status it was judged by.
`answer` is the channel's, or of whoever has looked there.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from kit.moves import move
from payments import cases, refunded, sayings
from payments.channels.base import RefundAnswer
from payments.models import Case, ChannelRefund
from payments.states import WAIT_FOR_WORD, CaseKind, PayType, RefundStatus
from wallets import accounts, ledger
from wallets.states import LineKind

# A failed refund is asked about at doubling pauses, eight times in ten days: channels err, too.
WATCH_S, WATCHES = 3600, 8

Rows = QuerySet[ChannelRefund]


def done(refund: ChannelRefund, rows: Rows, *, answer: RefundAnswer, now: datetime) -> bool:
    """It is with its payer: the money stays where it went when the refund was approved."""
    if not _move_to_done(rows, answer, now):
        return False
    cases.known(kinds=WAIT_FOR_WORD, reference=about(refund), says=answer.says, now=now)
    if refund.case_id:
        back = sayings.GIVEN_BY_REFUND % {"number": refund.refund_no}
        cases.given_back(case_id=refund.case_id, says=back, now=now)
    return True


def fail(refund: ChannelRefund, rows: Rows, *, answer: RefundAnswer, now: datetime) -> bool:
    """Nothing was paid and nothing will be: the money goes back to where it came from, and finance
    decides. It is asked about for a while yet.

    Money: clearing -> the refund's source, one line, reference: the refund number.
    """
    refunded.turn(refund)
    again = {"chase_at": now + timedelta(seconds=WATCH_S), "chases": 0, "open_key": None}
    if not move(rows, to=RefundStatus.FAILED, **again, answer=answer.says[:255]):
        return False
    refunded.recount(refund)
    case = _open(refund, CaseKind.REFUND_FAILED, refund.refund_no, answer.says, now)
    to_wallet = accounts.owner(refund.source) is not None
    ledger.post(
        kind=LineKind.ADJUSTMENT if to_wallet else LineKind.SUSPENSE,
        reference=refund.refund_no,
        source=_clearing(refund),
        target=refund.source,
        amount=refund.amount,
        now=now,
        note=answer.says[:255],
        case_id=case.pk,
    )
    cases.known(kinds=WAIT_FOR_WORD, reference=about(refund), says=answer.says, now=now)
    return True


def park(refund: ChannelRefund, rows: Rows, *, answer: RefundAnswer, now: datetime) -> bool:
    """The channel has taken the money from us and cannot give it to the payer: it stays in
    clearing, and a person says what becomes of it (conclude_refund.py)."""
    if not move(rows, to=RefundStatus.PARKED, answer=answer.says[:255]):
        return False
    _open(refund, CaseKind.REFUND_PARKED, about(refund), answer.says, now)
    return True


def stick(refund: ChannelRefund, rows: Rows, *, answer: RefundAnswer, now: datetime) -> None:
    """Nobody knows, and it has been long: finance sees it. It is asked about all the same."""
    if rows.update(answer=answer.says[:255]):
        _open(refund, CaseKind.REFUND_STUCK, about(refund), answer.says, now)


def done_after_all(
    refund: ChannelRefund, rows: Rows, *, answer: RefundAnswer, now: datetime
) -> bool:
    """It had failed, its money went back to where it came from, and now the channel says that the
    payer has it: he was paid twice, or suspense holds what is gone.

    Money: platform -> clearing, one line, so that clearing is what the channel owes us again; the
           platform carries it until finance, by an adjustment under four eyes, has taken it back
           from where it went. Until the case is closed the audit names it.
    """
    refunded.turn(refund)
    if not _move_to_done(rows, answer, now):
        return False
    refunded.recount(refund)
    ledger.post(
        kind=LineKind.CHANNEL_REFUND,
        reference=late_reference(refund.refund_no),
        source=accounts.PLATFORM,
        target=_clearing(refund),
        amount=refund.amount,
        now=now,
        note=answer.says[:255],
    )
    _open(refund, CaseKind.REFUND_LATE, about(refund), f"{refund.source}: {answer.says}", now)
    return True


def late_reference(refund_no: str) -> str:
    return f"{refund_no}/late"


def about(refund: ChannelRefund) -> str:
    """The reference of its cases that hold no money: no ledger line bears it."""
    return f"refund:{refund.refund_no}"


def is_waited_for(refund: ChannelRefund) -> bool:
    """Whether a person is asked to say what became of it."""
    return cases.waiting(WAIT_FOR_WORD, about(refund)).exists()


def _move_to_done(rows: Rows, answer: RefundAnswer, now: datetime) -> bool:
    facts = {"done_at": answer.at or now, "settle_date": answer.settle_date, "chase_at": None}
    return move(rows, to=RefundStatus.DONE, **facts, answer=answer.says[:255])


def _clearing(refund: ChannelRefund) -> str:
    return accounts.clearing(PayType(refund.pay_type).word)


def _open(refund: ChannelRefund, kind: CaseKind, reference: str, says: str, now: datetime) -> Case:
    return cases.open_about(refund, kind=kind, reference=reference, says=says, now=now)
