"""The till: post() is the only way money moves; post_many() is the same for a set.

Compiled SQL rather than the ORM, because every winning grab comes through here (docs/hot-path.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext_lazy as _

from kit import money, sql
from kit.refusals import Conflict
from wallets import accounts, suspense
from wallets.models import LedgerLine, Wallet
from wallets.refusals import InsufficientBalance, WalletFrozen
from wallets.states import LineKind


class Uncovered(Conflict):
    """The account is not known to hold what was to leave it; the transaction must roll back."""

    code, detail = "uncovered", _("The money is not there, or no longer there.")


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
    kind: LineKind,
    reference: str,
    source: str,
    target: str,
    amount: Decimal,
    now: datetime,
    note: str = "",
    spend: bool = False,
    case_id: int | None = None,
    beside: Sequence[sql.Statement] = (),
) -> None:
    """Move `amount` yuan from one account to another: wallet balances first, the line second.

    `spend` marks what the owner does himself: a frozen wallet refuses that, while what it is owed
    still arrives and staff may still correct it (Spec 2.7). `case_id` says whose money it is that
    leaves or enters suspense. `beside` goes to the database behind the line, in the same trip.

    Money:   Decimal yuan, two places, above zero. A wallet is opened by its first credit.
    Races:   the debit's WHERE holds the balance, the case's row what is in suspense; balance before
             line (docs/locks.md). Nothing leaves an escrow that nothing was paid into.
    Repeats: (kind, reference) is unique; a repeat raises AlreadyPosted and has changed the balances
             in this transaction, so the caller lets it roll back whole.
    Raises:  InsufficientBalance (409), WalletFrozen (403), Uncovered (409), AlreadyPosted.
    Spec:    2.3
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("money moves inside a transaction")
    amount = money.yuan(amount)
    if accounts.SUSPENSE in (source, target):
        by_its_case(source, case_id, amount)
    line = [int(kind), reference, source, target, sql.money(amount), note, sql.time(now)]
    with connection.cursor() as cursor:
        if payer := accounts.owner(source):
            _debit(cursor, payer, amount, spend)
        credits = []
        if payee := accounts.owner(target):
            credits = [_credit(payee, source, amount, now)]
        elif accounts.held_for(source):
            raise ValueError("what leaves an escrow goes to wallets")
        sent = sql.together(cursor, [*credits, (_line_sql(), line), *beside])
        for _ in credits:
            next(sent)
            if cursor.rowcount == 0:
                raise Uncovered()
        try:
            next(sent)
        except IntegrityError as error:
            raise AlreadyPosted(f"{LineKind(kind).name} {reference}") from error
        for _ in sent:
            pass


def post_many(
    *,
    kind: LineKind,
    source: str,
    credits: Credits,
    now: datetime,
    beside: Sequence[sql.Statement] = (),
) -> None:
    """Move money from one account that is no wallet into many wallets, in two statements. `beside`
    goes to the database behind them, in the same trip.

    Money:   as post(): each credit is a line of its own.
    Races:   wallets in the order of their users, so that two sets never wait for each other in a
             ring; balances before lines.
    Repeats: as post(): one repeated reference raises AlreadyPosted for the whole set.
    Raises:  Uncovered; AlreadyPosted; WrongCount when the SELECT came to another number of rows.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("money moves inside a transaction")
    if accounts.held_for(source) is None:
        raise ValueError(
            "a set is paid out of an escrow, not of a wallet: post() has the other guards"
        )
    balances, lines = (statement.format(owed=credits.select) for statement in _many_sql())
    add = balances, [sql.time(now), *credits.values, source]
    write = lines, [int(kind), source, sql.time(now), *credits.values]
    with connection.cursor() as cursor:
        sent = sql.together(cursor, [add, write, *beside])
        next(sent)
        if cursor.rowcount == 0:
            raise Uncovered()
        try:
            next(sent)
        except IntegrityError as error:
            raise AlreadyPosted(f"{LineKind(kind).name}: one of {credits.count}") from error
        if cursor.rowcount != credits.count:
            raise WrongCount(f"{cursor.rowcount} lines, {credits.count} credits")
        for _ in sent:
            pass


def by_its_case(source: str, case_id: int | None, amount: Decimal) -> None:
    """What a case holds is the guard of suspense: its row changes before the line is written."""
    if case_id is None:
        raise ValueError("money in suspense is a case's: whose is this?")
    move = suspense.cases().take if source == accounts.SUSPENSE else suspense.cases().put
    if not move(case_id, amount):
        raise Uncovered()


def _credit(user_id: str, source: str, amount: Decimal, now: datetime) -> sql.Statement:
    """Changes no row when the escrow that it comes out of holds nothing."""
    values = [user_id, sql.money(amount), False, "", sql.time(now)]
    if accounts.held_for(source) is None:
        return _credit_sql(), values
    return _covered_credit_sql(), [*values, source]


def _debit(cursor: CursorWrapper, user_id: str, amount: Decimal, spend: bool) -> None:
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


@cache
def _covered_credit_sql() -> str:
    """The same, only when the escrow that it comes out of (the last parameter) was paid into. Not
    in the line's statement: a line that is selected would lock its table's counter."""
    row = ", ".join(["%s"] * len(_BALANCE))
    nowhere = " FROM DUAL" if sql.is_mysql() else ""
    return (
        f"{sql.insert_into(Wallet, *_BALANCE)} SELECT {row}{nowhere} WHERE {paid_in()} {_or_add()}"
    )


def paid_in() -> str:
    """Whether anything came to an account: one look into an index, which waits for nobody."""
    target = sql.column(LedgerLine, "target")
    return f"EXISTS (SELECT 1 FROM {sql.table(LedgerLine)} WHERE {target} = %s)"


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
def _many_sql() -> tuple[str, str]:
    """Balances and lines of what is `owed`; the balances only when its escrow was paid into."""
    wallet = sql.joined(f"'{accounts.wallet('')}'", "user_id")
    return (
        f"{sql.insert_into(Wallet, *_BALANCE)} SELECT user_id, amount, 0, '', %s"
        f" FROM ({{owed}}) AS owed WHERE {paid_in()} ORDER BY user_id {_or_add()}",
        f"{sql.insert_into(LedgerLine, *_LINE)} SELECT %s, reference, %s, {wallet}, amount, '', %s"
        " FROM ({owed}) AS owed",
    )


@cache
def _line_sql() -> str:
    return sql.insert(LedgerLine, *_LINE)
