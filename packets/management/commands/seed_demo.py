"""Something to look at: people, a group, and packets in every state, made through the verbs.

Channel payments bring more states (awaiting, void). Run again, it adds another set.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from packets import close, freeze, grab, members, pay, profiles, refund, send
from packets.models import RedPacket
from packets.states import Kind
from redpacket_site.kit.caller import Caller
from wallets import credit
from wallets import freeze as wallet_freeze

GROUP = "demo"
PEOPLE = {
    "alice": "小爱",
    "bob": "阿宝",
    "carol": "卡罗 🎈",
    "dave": "大伟",
    "erin": "艾琳",
    "frank": "Frank",
}
SENDER, *OTHERS = PEOPLE


class Command(BaseCommand):
    help = "Development: users, a group, and packets in every state."

    def handle(self, **options):
        if settings.PRODUCTION:
            raise CommandError("Refused in production: it makes money from nothing.")
        now = timezone.now()
        for user_id, nickname in PEOPLE.items():
            profiles.put(user_id=user_id, nickname=nickname, avatar="")
        members.replace(group_id=GROUP, user_ids=PEOPLE)
        for what, packet in self._packets(now):
            self.stdout.write(f"{packet.public_id}  {what}")
        wallet_freeze.freeze(user_id="mallory", reason="demo: stolen phone", now=now)
        self.stdout.write("wallet mallory  frozen")

    def _packets(self, now: datetime):
        minutes = timedelta(minutes=1)
        long_ago = now - timedelta(seconds=settings.REDPACKET_EXPIRE_S) - 60 * minutes
        yield "lucky, unpaid", _draft(Kind.LUCKY, 5, "20.00", now)
        yield "equal, closed: never paid", _closed(now)
        yield "lucky, open", _issued(Kind.LUCKY, 5, "20.00", now)
        yield "equal, open, two taken", _issued(Kind.EQUAL, 4, "1.50", now, takers=2)
        yield "personal, open", _issued(Kind.PERSONAL, 1, "8.88", now)
        yield "lucky, finished", _issued(Kind.LUCKY, 5, "66.66", now - 2 * minutes, takers=5)
        yield "equal, finished", _issued(Kind.EQUAL, 3, "2.00", now - 90 * minutes, takers=3)
        yield "personal, finished", _issued(Kind.PERSONAL, 1, "5.20", now - minutes, takers=1)
        yield "lucky, expired and refunded", _refunded(Kind.LUCKY, 5, "30.00", long_ago, now, 2)
        yield "personal, expired and refunded", _refunded(Kind.PERSONAL, 1, "6.00", long_ago, now)
        yield "lucky, expired: beat refunds it", _issued(Kind.LUCKY, 3, "9.99", long_ago, takers=1)
        yield "lucky, frozen", _frozen(now)


def _draft(kind: Kind, number: int, money: str, now: datetime) -> RedPacket:
    given = "total_money" if kind is Kind.LUCKY else "single_money"
    for_id = OTHERS[0] if kind is Kind.PERSONAL else GROUP
    wish = send.Wish(kind=kind, for_id=for_id, number=number, **{given: Decimal(money)})
    return send.send(caller=Caller(SENDER), wish=wish, now=now)


def _issued(kind: Kind, number: int, money: str, now: datetime, *, takers: int = 0) -> RedPacket:
    """Paid by balance at `now`, and taken by so many, three seconds apart."""
    packet = _draft(kind, number, money, now)
    credit.credit(user_id=SENDER, amount=packet.total_money, reason="demo", now=now)
    packet = pay.by_balance(public_id=packet.public_id, caller=Caller(SENDER), now=now)
    for taken, user_id in enumerate(OTHERS[:takers], start=1):
        at = now + timedelta(seconds=3 * taken)
        grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=at)
    return packet


def _closed(now: datetime) -> RedPacket:
    long_ago = now - timedelta(seconds=settings.REDPACKET_DRAFT_S + 60)
    packet = _draft(Kind.EQUAL, 3, "1.00", long_ago)
    close.close(packet=packet, now=now)
    return packet


def _refunded(
    kind: Kind, number: int, money: str, issued_at: datetime, now: datetime, takers: int = 0
) -> RedPacket:
    packet = _issued(kind, number, money, issued_at, takers=takers)
    refund.refund_expired(rp_id=packet.pk, now=now)
    return packet


def _frozen(now: datetime) -> RedPacket:
    packet = _issued(Kind.LUCKY, 3, "12.00", now, takers=1)
    freeze.freeze(public_id=packet.public_id, reason="demo: reported as fraud", now=now)
    return packet
