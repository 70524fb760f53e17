"""A channel speaks of a refund unasked: a signed word counts, a bill makes us ask."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from django.db import transaction

from kit import later, retry
from payments import end_refund
from payments.channels.base import RefundState, Returned
from payments.models import ChannelRefund
from payments.states import UNDECIDED, PayType, RefundStatus

TRIES = 3  # a verdict of a worker or of finance may come at the same moment

# Told to the channel, and not with its payer by our books: it can be asked what became of it.
ASKABLE = (RefundStatus.SENT, RefundStatus.PARKED, RefundStatus.FAILED)


def hear(*, pay_type: PayType, word: Returned, now: datetime) -> bool:
    """A verified word about one refund; whether it is done now by that word, or was before.

    That the payer has the money counts as if the channel had been asked, in whatever state the
    refund is here, once somebody has decided about it. Any other word, and an amount that is not
    ours, only makes us ask at once.

    Money:   none when it is done; when it had failed: platform -> clearing (end_refund.py).
    Races:   the status that was read stands in the row's WHERE: when the verdict of a worker or of
             a person was faster, the refund is looked at again as it is then.
    Repeats: as often as the channel likes.
    """
    named = ChannelRefund.objects.filter(
        pay_type=pay_type, refund_no=word.refund_no, trade_no=word.trade_no
    )
    refund = named.exclude(status__in=UNDECIDED).first()
    if refund is None:
        return False  # not sent from these books: the channel's bill tells of it
    is_paid = word.answer.state is RefundState.DONE and word.amount in (None, refund.amount)
    if is_paid and any(_done(refund, word, now) for _ in range(TRIES)):
        return True
    _ask(refund.pk, now)
    return False


@retry.unit
def _done(refund: ChannelRefund, word: Returned, now: datetime) -> bool:
    refund.refresh_from_db()
    if refund.status == RefundStatus.DONE:
        return True
    rows = ChannelRefund.objects.filter(pk=refund.pk, status=refund.status)
    had_failed = refund.status == RefundStatus.FAILED
    end = end_refund.done_after_all if had_failed else end_refund.done
    return end(refund, rows, answer=replace(word.answer, says=word.says), now=now)


@retry.unit
def _ask(key: int, now: datetime) -> None:
    ask_again([key], now)


def ask_again(keys: Iterable[int], now: datetime) -> None:
    """Somebody says that these were done, and has not signed it: the channel is asked about those
    that are not done by our books, at once; for use inside a transaction."""
    for key in keys:
        rows = ChannelRefund.objects.filter(pk=key, status__in=ASKABLE)
        if rows.update(chase_at=now):
            transaction.on_commit(partial(later.run, "payments.send_refund", key))
