"""A trade at a pretend channel: paid once, closed or not, given back within what came."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sandbox import trades
from sandbox.models import TradeState

pytestmark = pytest.mark.once
NOW = timezone.now()


def give_back(trade, refund_no: str, amount_fen: int, outcome: str = "done"):
    about = {"asked": {}, "outcome": outcome, "after_s": 5, "now": NOW}
    return trades.refund(trade=trade, refund_no=refund_no, amount_fen=amount_fen, **about)


def test_it_is_paid_once(trade):
    trades.pay(trade=trade, now=NOW)

    with pytest.raises(trades.NotPayable):
        trades.pay(trade=trade, now=NOW)

    assert (trade.state, trade.paid_fen) == (TradeState.PAID, trade.amount_fen)


def test_what_was_on_its_way_is_turned_back_by_a_close(trade):
    trades.pay(trade=trade, now=NOW, arrives_s=60)
    assert trade.state == TradeState.ARRIVING

    trades.close(trade=trade, now=NOW)

    assert (trade.state, trade.paid_fen, trade.trade_no) == (TradeState.CLOSED, None, None)
    with pytest.raises(trades.NotPayable):
        trades.pay(trade=trade, now=NOW)
    trades.pay(trade=trade, now=NOW, is_late=True)
    assert trade.state == TradeState.PAID


def test_refunds_stay_within_the_payment_and_a_number_is_one(trade):
    with pytest.raises(trades.NotPaid):
        give_back(trade, "r1", 1)
    trades.pay(trade=trade, now=NOW)

    first, is_new = give_back(trade, "r1", 1000)
    assert is_new
    assert give_back(trade, "r1", 1000) == (first, False)
    with pytest.raises(trades.Differs):
        give_back(trade, "r1", 999)
    with pytest.raises(trades.TooMuch):
        give_back(trade, "r2", trade.amount_fen - 999)
    give_back(trade, "r3", trade.amount_fen - 1000)

    assert trade.refunded_fen == trade.amount_fen


def test_a_refund_under_way_is_done_in_its_time(trade):
    trades.pay(trade=trade, now=NOW)
    refund, _ = give_back(trade, "r1", 1, "pending")

    assert trades.refund_as_of(refund=refund, now=NOW).state == trades.RefundState.PENDING
    later = NOW + timedelta(seconds=5)
    assert trades.refund_as_of(refund=refund, now=later).state == trades.RefundState.DONE
