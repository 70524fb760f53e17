"""The till: post() is the only way money moves; post_many() is the same for a set.

Compiled SQL rather than the ORM, because every winning grab comes through here (docs/hot-path.md).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import IntegrityError, connection, transaction

from redpacket_site.kit import money, sql
from redpacket_site.kit.problems import InsufficientBalance, WalletFrozen
from wallets import accounts
from wallets.models import Kind, LedgerLine, Wallet


class AlreadyPosted(Exception):
    """This (kind, reference) is in the ledger; the transaction must roll back."""


class WrongCount(Exception):
    """A set was not of the size that was said; the transaction must roll back."""


@dataclass(frozen=True, slots=True)
class Credits:
    """What many users are owed: a SELECT of (reference, user_id, amount), and of how many rows."""

    select: str
    values: tuple
    count: int


def post(
    *,
    kind: Kind,
    reference: str,
    source: str,
    target: str,
    amount: Decimal,
    now: datetime,
    note: str = "",
    spend: bool = False,
) -> None:
    """Move `amount` yuan from one account to another: wallet balances first, the line second.

    `spend` marks what the owner does himself: a frozen wallet refuses that, while what it is owed
    still arrives and staff may still correct it (Spec 2.7).

    Money:   Decimal yuan, two places, above zero. A wallet is opened by its first credit.
    Races:   the debit's WHERE holds the balance; balance before line (docs/locks.md).
    Repeats: (kind, reference) is unique; a repeat raises AlreadyPosted and has changed the balances
             in this transaction, so the caller lets it roll back whole.
    Raises:  InsufficientBalance (409), WalletFrozen (403), AlreadyPosted.
    Spec:    2.3
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("money moves inside a transaction")
    amount = money.yuan(amount)
    with connection.cursor() as cursor:
        if payer := accounts.owner(source):
            _debit(cursor, payer, amount, spend)
        if payee := accounts.owner(target):
            cursor.execute(_credit_sql(), [payee, sql.money(amount), False, "", sql.time(now)])
        values = [int(kind), reference, source, target, sql.money(amount), note, sql.time(now)]
        try:
            cursor.execute(_line_sql(), values)
        except IntegrityError as error:
            raise AlreadyPosted(f"{Kind(kind).name} {reference}") from error


def post_many(*, kind: Kind, source: str, credits: Credits, now: datetime) -> None:
    """Move money from one account that is no wallet into many wallets, in two statements.

    Money:   as post(): each credit is a line of its own.
    Races:   wallets in the order of their users, so that two sets never wait for each other in a
             ring; balances before lines.
    Repeats: as post(): one repeated reference raises AlreadyPosted for the whole set.
    Raises:  AlreadyPosted; WrongCount when the SELECT came to another number of rows.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("money moves inside a transaction")
    if accounts.owner(source) is not None:
        raise ValueError("a set is not paid out of a wallet: post() holds its balance")
    balances, lines = _many_sql(credits.select)
    with connection.cursor() as cursor:
        cursor.execute(balances, [sql.time(now), *credits.values])
        try:
            cursor.execute(lines, [int(kind), source, sql.time(now), *credits.values])
        except IntegrityError as error:
            raise AlreadyPosted(f"{Kind(kind).name}: one of {credits.count}") from error
        if cursor.rowcount != credits.count:
            raise WrongCount(f"{cursor.rowcount} lines, {credits.count} credits")


def _debit(cursor, user_id: str, amount: Decimal, spend: bool) -> None:
    exact, loose = _debit_sql()
    cursor.execute(exact if spend else loose, [sql.money(amount), user_id, sql.money(amount)])
    if cursor.rowcount == 1:
        return
    if spend and Wallet.objects.filter(user_id=user_id, is_frozen=True).exists():
        raise WalletFrozen()
    raise InsufficientBalance()


@cache
def _debit_sql() -> tuple[str, str]:
    """The debit for the owner (not while frozen), and for anybody else."""
    balance = sql.column(Wallet, "balance")
    loose = (
        f"UPDATE {sql.table(Wallet)} SET {balance} = ROUND({balance} - %s, 2)"
        f" WHERE {sql.column(Wallet, 'user_id')} = %s AND {balance} >= %s"
    )
    return f"{loose} AND {sql.column(Wallet, 'is_frozen')} = 0", loose


_BALANCE = ("user_id", "balance", "is_frozen", "frozen_reason", "created_at")
_LINE = ("kind", "reference", "source", "target", "amount", "note", "created_at")


@cache
def _credit_sql() -> str:
    """One statement whether the wallet exists or not."""
    return f"{sql.insert(Wallet, *_BALANCE)} {_or_add()}"


def _or_add() -> str:
    """The wallet is there: add to its balance; rounded, since SQLite adds in floats."""
    balance = sql.column(Wallet, "balance")
    if sql.is_mysql():
        return f"ON DUPLICATE KEY UPDATE {balance} = {balance} + VALUES({balance})"
    key = sql.column(Wallet, "user_id")
    return (
        f"ON CONFLICT ({key}) DO UPDATE"
        f" SET {balance} = ROUND({sql.table(Wallet)}.{balance} + excluded.{balance}, 2)"
    )


@cache
def _many_sql(select: str) -> tuple[str, str]:
    """Balances and lines of a set. WHERE true: SQLite would read ON CONFLICT as a join's ON."""
    wallet = sql.joined(f"'{accounts.wallet('')}'", "user_id")
    return (
        f"{sql.insert_into(Wallet, *_BALANCE)} SELECT user_id, amount, 0, '', %s"
        f" FROM ({select}) AS owed WHERE true ORDER BY user_id {_or_add()}",
        f"{sql.insert_into(LedgerLine, *_LINE)} SELECT %s, reference, %s, {wallet}, amount, '', %s"
        f" FROM ({select}) AS owed",
    )


@cache
def _line_sql() -> str:
    return sql.insert(LedgerLine, *_LINE)
