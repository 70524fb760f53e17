"""Packets in every state that a member of staff can meet, through the verbs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from unittest.mock import patch
from urllib.parse import urlencode

from django.utils import timezone

from kit.http.caller import Caller
from office.frame.proposals import url_of
from office.pages.wallets.adjustment_acts import PROPOSE_ADJUSTMENT
from packets import freeze, grab, profiles, refund
from packets.models import RedPacket, RefundReview
from packets.states import Kind
from payments import notify
from payments import order as report
from payments.channels import registry
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import PayType
from testing import make
from testing.desk import act_url, list_of, page_of
from testing.make import make_topup
from testing.pretend import Pretend, said
from wallets.models import Adjustment, DailySummary, LedgerLine, Wallet

SECOND = timedelta(seconds=1)
NAMES = {"alice": "爱丽丝", "u1": "小明 🧧", "u2": "阿强", "u3": "Carol"}


@dataclass
class Told:
    opened: RedPacket
    finished: RedPacket
    expired: RedPacket
    frozen: RedPacket
    order: PaymentOrder
    case: Case

    def pages(self):
        """(name, role, address) of what is worth a picture."""
        alice = Wallet.objects.get(pk="alice")
        freeze = f"{act_url(self.opened, 'freeze_packet')}?{urlencode({'pk': self.opened.pk})}"
        return [
            ("login", None, "/admin/login/"),
            ("desk", "support", "/admin/"),
            ("desk-auditor", "auditor", "/admin/"),
            ("packets", "support", list_of(RedPacket)),
            ("packet-open", "support", page_of(self.opened)),
            ("packet-finished", "support", page_of(self.finished)),
            ("packet-expired", "finance maker", page_of(self.expired)),
            ("packet-dark", "support", page_of(self.expired)),
            ("packet-frozen", "support", page_of(self.frozen)),
            ("wallet", "support", page_of(alice)),
            ("order", "support", page_of(self.order)),
            ("freeze", "support", freeze),
            ("case", "finance maker", page_of(self.case)),
            ("cases", "finance maker", list_of(Case)),
            ("ledger", "auditor", list_of(LedgerLine)),
            ("ledger-dark", "auditor", list_of(LedgerLine)),
            ("found", "support", "/admin/find/?q=1"),
            ("events", "auditor", "/admin/office/staffevent/"),
            ("review", "finance maker", list_of(RefundReview)),
            ("refunds", "finance maker", list_of(ChannelRefund)),
            ("adjust", "finance maker", url_of(Adjustment, PROPOSE_ADJUSTMENT, user_id="alice")),
            ("bills", "finance maker", list_of(Bill)),
            ("days", "auditor", list_of(DailySummary)),
        ]


def tell(now: datetime) -> Told:
    for user, nickname in NAMES.items():
        profiles.put(user_id=user, nickname=nickname, avatar="")
    opened = make.make_paid_packet(Kind.LUCKY, 5, "66.66", now=now)
    take(opened, "u1", now + timedelta(seconds=3))
    take(opened, "u2", now + timedelta(seconds=41))
    finished = make.make_paid_packet(Kind.LUCKY, 3, "20.00", now=now)
    for number, user in enumerate(("u3", "alice", "u1"), start=1):
        take(finished, user, now + timedelta(seconds=4 * number))
    expired = make.make_expired_packet(Kind.EQUAL, 4, "5.00")
    take(expired, "u2", expired.pay_time + timedelta(minutes=5))
    refund.refund_expired(rp_id=expired.pk, now=timezone.now())
    frozen = make.make_paid_packet(Kind.PERSONAL, 1, "88.00", for_id="u3", now=now)
    freeze.freeze(public_id=frozen.public_id, reason="reported as a scam", now=now)
    order, case = topped_up_twice(now)
    packets = (opened, finished, expired, frozen)
    return Told(*(RedPacket.objects.get(pk=packet.pk) for packet in packets), order, case)


def take(packet: RedPacket, user: str, now: datetime) -> None:
    grab.grab(public_id=packet.public_id, caller=Caller(user), now=now)


def topped_up_twice(now: datetime) -> tuple[PaymentOrder, Case]:
    """A top-up that was paid a second time: the first payment is the user's, the second a case."""
    channel = Pretend(PayType.ALIPAY)
    there = {
        "channel": lambda pay_type, merchant="": channel,
        "every": lambda pay_type: [channel],
    }
    with patch.multiple(registry, **there):
        order = make_topup("120.00", user_id="alice", key="alice's first", now=now)
        report.report(
            order_no=order.order_no, caller=Caller("alice"), result=None, now=now + SECOND * 9
        )
        for number, after_s in ((1, 12), (2, 95)):
            notice = said(order.order_no, "120.00", f"202611252200149999140000000{number}")
            at = now + SECOND * after_s
            notify.receive(pay_type=PayType.ALIPAY, notice=notice, now=at)
    order.refresh_from_db()
    return order, Case.objects.get(order_no=order.order_no)
