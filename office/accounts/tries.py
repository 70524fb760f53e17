"""The lock-out: a try is taken from its budgets before a password is looked at, and given back when
the person has come in. What was not taken is not checked.

Three budgets bound guesses. One name from one address is what its owner uses up by his own
mistakes. One address is what a guesser has at many names. One name from addresses that its owner
never came from is what many machines have together, and never concerns an address that he did come
from: so nobody shuts him out from elsewhere.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from django.contrib.auth import get_user_model
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from kit import retry
from kit.refusals import Problem
from office.models import Tries

Kind = Tries.Kind
MOST = {Kind.PAIR: 5, Kind.ADDRESS: 20, Kind.NAME: 20}
SPAN = {
    Kind.PAIR: timedelta(minutes=15),
    Kind.ADDRESS: timedelta(minutes=15),
    Kind.NAME: timedelta(days=1),
}
KNOWN = timedelta(days=90)  # for which an address is its owner's after he came from there
KEPT = timedelta(days=1)  # after their span, for who looks at the list
CHUNK = 500


class Locked(Problem):
    status, code, title = 429, "locked", _("Locked")
    detail = _("Too many failed attempts.")

    def __init__(self, wait_s: int, *, is_first: bool):
        super().__init__(headers={"Retry-After": str(max(1, wait_s))})
        self.wait_s = wait_s
        self.is_first = is_first  # since it was open: worth a row of its own


class _Full(Exception):
    """One of the budgets is used up, so nothing is taken from any."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try that has been taken."""

    pair: str
    keys: Sequence[str]


def take(*, username: str, ip: str | None, now: datetime) -> Ticket:
    """Take one try; only then may a password be checked.

    Races:   one UPDATE checks and counts all budgets; fewer rows than asked for roll it back. So
             tries at the same time are never more than what is left.
    Raises:  Locked (429) when one is used up.
    """
    place, name = _place(ip), _name(username)
    address = _row(Kind.ADDRESS, f"address:{place}", now, address=place)
    # A full address leaves no more rows behind, whatever names it tries.
    if address.used >= MOST[Kind.ADDRESS] and address.until > now:
        raise _locked(address, [address], now)
    about = {"username": username[:150]}
    pair = _row(Kind.PAIR, f"pair:{name}:{place}", now, address=place, **about)
    rows = [address, pair]
    if pair.known_at is None or pair.known_at + KNOWN < now:
        rows.append(_row(Kind.NAME, f"name:{name}", now, **about))
    keys = sorted(row.key for row in rows)
    try:
        count(keys, now)
    except _Full:
        raise _locked(pair, rows, now) from None
    return Ticket(pair.key, keys)


def came_in(ticket: Ticket, now: datetime) -> None:
    """All was right: the try is given back, and the address is his for a while."""
    _give_back([key for key in ticket.keys if key != ticket.pair], ticket.pair, now)


@retry.unit
def unlock(*, tries_id: int, now: datetime, also: retry.Also | None = None) -> bool:
    """Open what is locked; one name from one address is taken for its owner's from now on.

    Races:   the row's WHERE: False when there was nothing to open.
    """
    row = Tries.objects.filter(pk=tries_id).filter(Q(used__gt=0) | Q(is_locked=True))
    known = Case(When(kind=Kind.PAIR, then=Value(now)), default=F("known_at"))
    return row.update(used=0, is_locked=False, known_at=known) == 1


def forget(*, now: datetime) -> int:
    """Drop a chunk of what bounds nothing any more. Repeatable."""
    old = Tries.objects.filter(until__lt=now - KEPT)
    old = old.filter(Q(known_at=None) | Q(known_at__lt=now - KNOWN))
    keys = list(old.order_by("until").values_list("pk", flat=True)[:CHUNK])
    return Tries.objects.filter(pk__in=keys, until__lt=now - KEPT).delete()[0]


@retry.unit
def count(keys: Sequence[str], now: datetime) -> None:
    rows = Tries.objects.filter(key__in=keys)
    spans = [When(kind=kind, then=Value(now + span)) for kind, span in SPAN.items()]
    until = Case(*spans, output_field=DateTimeField())
    rows.filter(until__lte=now).update(used=0, is_locked=False, until=until)
    is_left = Q()
    for kind, most in MOST.items():
        is_left |= Q(kind=kind, used__lt=most)
    if rows.filter(is_left).update(used=F("used") + 1) < len(keys):
        raise _Full


@retry.unit
def _give_back(keys: Sequence[str], pair: str, now: datetime) -> None:
    Tries.objects.filter(key__in=keys, used__gt=0).update(used=F("used") - 1)
    Tries.objects.filter(key=pair).update(used=0, is_locked=False, known_at=now)


def _locked(told: Tries, rows: Sequence[Tries], now: datetime) -> Locked:
    """The refusal, noted on the row at which it can be lifted."""
    keys = [row.key for row in rows]
    full = [r for r in Tries.objects.filter(key__in=keys) if r.used >= MOST[Kind(r.kind)]]
    wait_s = max((int((r.until - now).total_seconds()) for r in full), default=1)
    is_first = Tries.objects.filter(pk=told.pk, is_locked=False).update(is_locked=True) == 1
    return Locked(wait_s, is_first=is_first)


def _row(kind: Kind, key: str, now: datetime, **about: str) -> Tries:
    if (row := Tries.objects.filter(key=key).first()) is None:
        new = Tries(key=key, kind=kind, until=now + SPAN[kind], **about)
        Tries.objects.bulk_create([new], ignore_conflicts=True)
        row = Tries.objects.get(key=key)
    return row


def _place(ip: str | None) -> str:
    """An address, or the network that one household has of IPv6."""
    if not ip:
        return "-"
    at = ip_address(ip)
    if not isinstance(at, IPv6Address):
        return str(at)
    return f"{IPv6Address(int(at) >> 64 << 64)}/64"


def _name(username: str) -> str:
    """By whom the name would be found: engines differ in which spellings are one name."""
    User = get_user_model()
    pk = User.objects.filter(username=username).values_list("pk", flat=True).first()
    told = username.casefold().encode(errors="replace")
    return str(pk) if pk else hashlib.sha256(told).hexdigest()[:24]
