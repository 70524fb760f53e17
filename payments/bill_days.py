"""Which days' bills are still to come, and the walk through them: each once, oldest first."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from kit import backoff, lease, retry
from kit.money import ZERO
from kit.moves import move
from payments import bills, cases, reconcile, sayings
from payments.channels.base import ChannelDown, NoBill, NotSent, Refused
from payments.models import Bill, PaymentOrder
from payments.states import BillState, CaseKind, PayType

log = structlog.get_logger(__name__)

DAY = timedelta(days=1)
BACK = 30  # so many days back a bill is asked for; the channels keep theirs longer
PAUSE, PAUSE_MAX = timedelta(minutes=10), timedelta(hours=3)


def yesterday(now: datetime) -> date:
    return now.astimezone(bills.ZONE).date() - DAY


def plan(*, pay_type: PayType, now: datetime) -> None:
    """A row for each day whose bill is to come, so that none is forgotten while nobody works.

    Races:   a day's row is unique.
    Repeats: harmless.
    """
    known = set(Bill.objects.filter(pay_type=pay_type).values_list("day", flat=True))
    horizon = yesterday(now) - (BACK - 1) * DAY
    first = _first(pay_type) or yesterday(now)
    days = [day for day in _days(first, yesterday(now)) if day not in known]
    for day in days:
        if day >= horizon:
            due = {"due_at": bills.usual(day)}
            Bill.objects.get_or_create(pay_type=pay_type, day=day, defaults=due)
    if days and days[0] < horizon:
        last = max(day for day in days if day < horizon)
        says = sayings.NEVER_COMPARED % {"first": days[0], "last": last}
        _give_up(pay_type=pay_type, day=days[0], says=says, now=now)


def _first(pay_type: PayType) -> date | None:
    """The day of the first bill or of the first order, paid or not: its channel may have been paid
    and we not know it. Nothing was there to compare before."""
    bill = Bill.objects.filter(pay_type=pay_type).order_by("day").first()
    order = PaymentOrder.objects.filter(pay_type=pay_type).order_by("pk").first()
    days = [bill.day] if bill else []
    days += [bills.day_of(pay_type, order.add_time)] if order else []
    return min(days, default=None)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += DAY


def late(pay_type: PayType, now: datetime) -> list[date]:
    """The days, of those that are still asked for, whose bill should have been compared by now."""
    horizon = yesterday(now) - (BACK - 1) * DAY
    done = Bill.objects.filter(pay_type=pay_type, day__gte=horizon, state__in=reconcile.DONE)
    compared = set(done.values_list("day", flat=True))
    days = _days(max(horizon, _first(pay_type) or yesterday(now)), yesterday(now))
    return [day for day in days if day not in compared and bills.usual(day) <= now]


def open_days(pay_type: PayType) -> QuerySet[Bill]:
    """Those that are not compared yet, or were before their day was over; oldest first."""
    early = Q(state__in=reconcile.DONE, due_at__isnull=False)
    return Bill.objects.filter(Q(state=BillState.WAITING) | early, pay_type=pay_type).order_by(
        "day"
    )


def is_due(pay_type: PayType, now: datetime) -> bool:
    return open_days(pay_type).filter(lease.free(now), due_at__lte=now).exists()


def walk(*, pay_type: PayType, now: datetime) -> int:
    """Fetch and compare every open day, oldest first; how many were compared. One that does not
    come, or that we fail at, is passed over, and tried again later.

    Races:   a day is compared under a lease: whoever comes second passes it over.
    Repeats: what was compared is not asked for again.
    """
    plan(pay_type=pay_type, now=now)
    return sum(fetch(bill=bill, now=now) for bill in open_days(pay_type))


def fetch(*, bill: Bill, now: datetime) -> bool:
    """Compare one day with the bill that the channel itself gives; False: it did not come."""
    pay_type, day = PayType(bill.pay_type), bill.day
    try:
        content = reconcile.download(pay_type=pay_type, day=day)
    except NoBill as error:
        if now < bills.usual(day):
            return _wait(bill, f"{sayings.NOT_WRITTEN}: {error}", now)
        content = None
    except NotSent:
        return False  # nobody was asked, so it counts as no try
    except (ChannelDown, Refused, LookupError) as error:
        return _wait(bill, str(error), now)
    try:
        result = reconcile.reconcile(pay_type=pay_type, day=day, content=content, now=now)
    except bills.Unreadable as error:
        return _wait(bill, str(error), now)
    except reconcile.BeingCompared:
        return False
    except Exception:
        log.exception("bill_failed", channel=pay_type.word, day=str(day))
        return _wait(bill, sayings.FAILED_HERE, now)
    log.info(
        "reconciled",
        channel=pay_type.word,
        day=str(day),
        matched=result.matched,
        differences=result.count,
    )
    return True


def _wait(bill: Bill, says: str, now: datetime) -> bool:
    log.warning(
        "bill_unavailable", channel=PayType(bill.pay_type).word, day=str(bill.day), error=says
    )
    _postpone(bill=bill, says=says, now=now)
    return False


@retry.unit
def _postpone(*, bill: Bill, says: str, now: datetime) -> None:
    """Try again later, each time after a longer pause; in the end it is finance's."""
    as_read = Bill.objects.filter(lease.free(now), pk=bill.pk, tries=bill.tries)
    facts = {"tries": bill.tries + 1, "says": says[:255]}
    if bill.day >= yesterday(now) - BACK * DAY:
        pause = backoff.pause(PAUSE, bill.tries, PAUSE_MAX)
        move(as_read, due_at=max(now + pause, bills.usual(bill.day)), **facts)
    elif bill.state in reconcile.DONE:
        move(as_read, due_at=None, **facts)
    elif move(as_read, to=BillState.FAILED, due_at=None, **facts):
        _open(PayType(bill.pay_type), bill.day, says, now)


@retry.unit
def _give_up(*, pay_type: PayType, day: date, says: str, now: datetime) -> None:
    _open(pay_type, day, says, now)


def _open(pay_type: PayType, day: date, says: str, now: datetime) -> None:
    cases.open_case(
        kind=CaseKind.BILL_MISSING,
        reference=f"{pay_type.word}:{day}",
        pay_type=pay_type,
        amount=ZERO,
        says=says,
        now=now,
    )
