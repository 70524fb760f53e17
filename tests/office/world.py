"""One world with something on every page of the back office, and people of every role in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kit.http.caller import Caller
from kit.models import Event
from office import roles
from office.accounts import changes, tries
from office.models import AccountChange
from packets import grab
from packets.states import Kind
from payments import channel_refund
from payments.models import Case, ChannelRefund
from payments.states import CaseStatus
from testing import desk, make, stories
from tests.office import books
from wallets import adjust

ROLES = (roles.SUPPORT, roles.MAKER, roles.CHECKER, roles.AUDITOR, roles.ACCOUNTS, None)


@dataclass
class World:
    people: dict[str | None, desk.Desk]
    told: stories.Told
    books: books.Books

    def sit(self, role: str | None, language: str) -> desk.Desk:
        sitting = self.people[role]
        sitting.cookies["django_language"] = language
        return sitting


def build(now: datetime) -> World:
    people = {role: desk.staff(role) for role in ROLES}
    maker, accountant = people[roles.MAKER].user, people[roles.ACCOUNTS].user
    kept = books.keep(maker, now)
    told = stories.tell(now - timedelta(hours=2))
    _whispering(now)
    by_maker = {"maker_id": maker.pk, "now": now}
    order, case = told.order, told.case
    wish = {"order_no": order.order_no, "amount": Decimal("20.00"), "reason": "客户要求退款"}
    channel_refund.propose(**wish, **by_maker)
    adjust.propose(
        user_id="bob",
        amount=Decimal("1.00"),
        is_credit=True,
        other="platform",
        reason="补偿",
        maker_id=people[roles.CHECKER].user.pk,
        now=now,
    )
    tries.take(username="bob", ip="192.0.2.1", now=now)
    changes.change(
        kind=AccountChange.Kind.RESET,
        user_id=people[roles.SUPPORT].user.pk,
        reason="新手机",
        maker_id=accountant.pk,
        now=now,
    )
    assert case.status == CaseStatus.OPEN and ChannelRefund.objects.exists()
    assert Event.objects.exists() and Case.objects.count() > 1
    return World(people, told, kept)


def _whispering(now: datetime) -> None:
    """A packet whose money is awaited, taken once."""
    packet, _paid = make.make_reported_packet(Kind.EQUAL, 3, "5.00", now=now)
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=now + timedelta(seconds=4))
