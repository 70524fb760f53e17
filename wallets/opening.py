"""Opening balances (期初余额): what each wallet held at the end of a closed day, by its lines.

An audit that found nothing leaves them behind, so that the next one adds the days since instead of
all history. Each row says of which day it is: a keeper that was killed half-way left no wrong one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Exists, OuterRef

from kit.money import ZERO, fen_sum, from_fen
from kit.pieces import pieces
from wallets import accounts, reach
from wallets.models import AuditRun, LedgerLine, OpeningBalance, Wallet
from wallets.reach import Line

AT_ONCE = 2000
# Wallets whose whole history one statement sums: MariaDB looks each name up in the index (of a long
# list it makes a table, and walks through all lines), done long before the connection's 30 s.
SUMMED = 100

# What came to (or left) a wallet by the day of the books, None for what is in none yet.
Moved = dict[str, dict[date | None, Decimal]]


def kept_until() -> date | None:
    """The last day whose balances were audited and kept: an audit can start behind it. None kept
    at all (somebody has emptied the table): it has to read everything."""
    if not OpeningBalance.objects.exists():
        return None
    run = AuditRun.objects.filter(findings=0, until__isnull=False).order_by("-until").first()
    return run.until if run else None


def keep(*, until: date) -> int:
    """Note what each wallet held at the end of this closed day; how many rows were written.

    Money:   moves nothing; the figures are sums of lines.
    Races:   two who keep write the same figures, or one of a later day; each row is whole.
    Repeats: a wallet that has not moved since its row keeps it.
    """
    since, written = kept_until(), 0
    with reach.from_day(since):
        moved = None if since is None else moved_since()
    for users in _users(moved):
        rows = OpeningBalance.objects.in_bulk(users)
        by_day = moved if moved is not None else _all_moved(users)
        new = []
        for user in users:
            row = rows.get(user)
            more = [
                yuan
                for day, yuan in by_day.get(user, {}).items()
                if day and day <= until and (row is None or day > row.day)
            ]
            if more and (row is None or row.day < until):
                balance = (row.balance if row else ZERO) + sum(more, ZERO)
                new.append(OpeningBalance(user_id=user, day=until, balance=balance))
        written += len(_write(new))
    return written


def differences() -> Iterator[tuple[str, Decimal, Decimal | None]]:
    """Wallets whose balance is not the opening one and what was booked since: user, balance by
    the books, balance. What has not moved, and is what it was, is asked of the database alone."""
    with reach.from_day(kept_until()):
        moved = moved_since()
    same = OpeningBalance.objects.filter(user_id=OuterRef("user_id"), balance=OuterRef("balance"))
    strange = Wallet.objects.exclude(Exists(same)).values_list("user_id", flat=True)
    for users in pieces(sorted(set(moved).union(strange)), AT_ONCE):
        rows = OpeningBalance.objects.in_bulk(users)
        wallets = Wallet.objects.in_bulk(users)
        for user in users:
            row, wallet = rows.get(user), wallets.get(user)
            held = row.balance if row else ZERO
            for day, yuan in moved.get(user, {}).items():
                if row is None or day is None or day > row.day:
                    held += yuan
            if wallet is None or wallet.balance != held:
                yield user, held, wallet.balance if wallet else None


def moved_since() -> Moved:
    """What each wallet got or gave by the days that the audit reads."""
    moved: Moved = {}
    for chunk in reach.lines():
        _add(moved, chunk)
    return moved


def total_of(day: date) -> Decimal | None:
    """All of them together; None while a keeper that was killed has left some of a later day."""
    if OpeningBalance.objects.filter(day__gt=day).exists():
        return None
    return from_fen(OpeningBalance.objects.aggregate(fen=fen_sum("balance"))["fen"])


def _all_moved(users: list[str]) -> Moved:
    """Of all their history, in sums."""
    moved: Moved = defaultdict(lambda: defaultdict(lambda: ZERO))
    names = [accounts.wallet(user) for user in users]
    for side, sign in (("target", 1), ("source", -1)):
        lines = LedgerLine.objects.filter(**{f"{side}__in": names})
        sums = lines.values_list(side, "booked_on").annotate(fen=fen_sum("amount")).order_by()
        for name, day, fen in sums:
            moved[accounts.owner(name) or ""][day] += sign * from_fen(fen)
    return moved


def _add(moved: Moved, lines: Iterable[Line]) -> None:
    for line in lines:
        for name, yuan in ((line.target, line.amount), (line.source, -line.amount)):
            if user := accounts.owner(name):
                days = moved.setdefault(user, {})
                days[line.booked_on] = days.get(line.booked_on, ZERO) + yuan


def _users(moved: Moved | None) -> Iterator[list[str]]:
    if moved is not None:
        yield from pieces(sorted(moved), AT_ONCE)
        return
    last = ""
    rows = Wallet.objects.order_by("pk").values_list("pk", flat=True)
    while users := list(rows.filter(pk__gt=last)[:SUMMED]):
        yield users
        last = users[-1]


def _write(rows: list[OpeningBalance]) -> list[OpeningBalance]:
    return OpeningBalance.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["day", "balance"],
        unique_fields=None if connection.vendor == "mysql" else ["user_id"],
    )
