"""A day of finance, through the verbs: refunds to review, proposals, a bill, closed days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from kit.http.caller import Caller
from packets import grab, pay, refund, review
from packets.models import RedPacket, RefundReview
from packets.states import Kind, ReviewState
from payments import reconcile
from payments.models import Bill
from payments.states import PayType
from testing import make
from wallets import adjust, audit, credit, daily
from wallets.models import Adjustment, DailySummary

HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
)


def wechat_bill(*rows: tuple[str, str, str, str]) -> bytes:
    """A bill of WeChat Pay: (time, trade number, order number, yuan)."""
    lines = [HEAD]
    for at, trade_no, order_no, money in rows:
        cells = [at, "wx1", "m1", "0", "", trade_no, order_no, "o1", "APP", "SUCCESS", "CMB", "CNY"]
        cells += [money, "0.00", "0", "0", "0.00", "0.00", "", "", "x", "", "0.00", "0.60%"]
        cells += [money, "0.00", ""]
        lines.append(",".join(f"`{cell}" for cell in cells) + "\r\n")
    lines.append(
        f"总交易单数,订单总金额\r\n`{len(rows)},`{sum(Decimal(row[3]) for row in rows)}\r\n"
    )
    return "".join(lines).encode()


@dataclass
class Books:
    waiting: RefundReview
    disputed: RefundReview
    adjustment: Adjustment
    bill: Bill
    day: DailySummary


def paid(money: str, now: datetime) -> RedPacket:
    """As make.make_paid_packet, its money dated too: a closed day begins with its first line."""
    packet = make.make_packet(Kind.EQUAL, 3, money, now=now)
    credit.credit(user_id=packet.user_id, amount=packet.total_money, reason="test", now=now)
    return pay.by_balance(public_id=packet.public_id, caller=Caller(packet.user_id), now=now)


def keep(maker: User, now: datetime) -> Books:
    """Packets of the last days, refunds in every state, one proposal, one bill, days closed."""
    for ago, money in ((3, "8.88"), (2, "66.60"), (1, "20.00")):
        then = now - timedelta(days=ago)
        packet = paid(money, then)
        for second, user in enumerate(("u1", "u2"), start=4):
            grab.grab(
                public_id=packet.public_id,
                caller=Caller(user),
                now=then + timedelta(seconds=second),
            )
        if ago > 1:
            refund.refund_expired(rp_id=packet.pk, now=then + timedelta(days=1))
    for number in range(3):
        sender = f"s{number}"
        packet = make.make_expired_packet(
            Kind.EQUAL, 2, f"{number + 1}.50", sender=sender, for_id=f"g-{sender}"
        )
        refund.refund_expired(rp_id=packet.pk, now=now)
    rows = list(RefundReview.objects.order_by("pk"))
    decided = {"staff_id": maker.pk, "now": now}
    review.decide(review_id=rows[0].pk, to=ReviewState.REVIEWED, **decided)
    review.decide(
        review_id=rows[1].pk,
        to=ReviewState.DISPUTED,
        note="the sender says it was claimed",
        **decided,
    )
    adjustment = adjust.propose(
        user_id="u1",
        amount=Decimal("12.30"),
        is_credit=True,
        other="platform",
        reason="goodwill after an outage",
        attachment="ticket 4711",
        maker_id=maker.pk,
        now=now - timedelta(hours=3),
    )
    day = (now - timedelta(days=1)).date()
    at = f"{day} 12:00:00"
    content = wechat_bill((at, "4200000001", "rp0000000001", "88.00"), (at, "42", "rp02", "5.20"))
    reconcile.reconcile(pay_type=PayType.WECHAT, day=day, content=content, now=now)
    daily.close_days(now=now)
    audit.run(now=now)
    return Books(
        rows[-1], rows[1], adjustment, Bill.objects.get(), DailySummary.objects.latest("day")
    )
