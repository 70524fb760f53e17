"""The till: post() is the only way money moves; post_many() is the same for a set.

Compiled SQL rather than the ORM, because every winning grab comes through here (docs/hot-path.md).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import NamedTuple

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


class Credit(NamedTuple):
    """What one of many users is owed."""

    reference: str
    user_id: str
    fen: int


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
        statements = [*credits, (_line_sql(), line), *beside]
        with closing(sql.together(cursor, statements)) as sent:
            for _ in credits:
                next(sent)
                if cursor.rowcount == 0:
                    raise Uncovered()
            _end(sent, f"{LineKind(kind).name} {reference}")


def post_many(
    *,
    kind: LineKind,
    source: str,
    credits: Sequence[Credit],
    now: datetime,
    ahead: Sequence[sql.Step] = (),
    beside: Sequence[sql.Statement] = (),
) -> None:
    """Move money from one account that is no wallet into many wallets, all in one trip to the
    database: `ahead` of it what it depends on, and `beside` what goes behind the lines.

    Money:   as post(): each credit is a line of its own. Amounts are whole fen.
    Races:   wallets in the order of their users, so that two sets never wait for each other in a
             ring; balances before lines.
    Repeats: as post(): one repeated reference raises AlreadyPosted for the whole set.
    Raises:  Uncovered; AlreadyPosted; what a step ahead says.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("money moves inside a transaction")
    if accounts.held_for(source) is None:
        raise ValueError(
            "a set is paid out of an escrow, not of a wallet: post() has the other guards"
        )
    statements = [
        *(step.statement for step in ahead),
        (_paid_in_sql(), [source]),
        *_rows(kind, source, sorted(credits, key=attrgetter("user_id")), now),
        *beside,
    ]
    with connection.cursor() as cursor, closing(sql.together(cursor, statements)) as sent:
        sql.check(cursor, sent, ahead)
        next(sent)
        if cursor.fetchone() is None:
            raise Uncovered()
        next(sent)
        _end(sent, f"{LineKind(kind).name}: one of {len(credits)}")


def _end(sent: Iterator, what: str) -> None:
    """The line or lines, and what goes behind them."""
    try:
        next(sent)
    except IntegrityError as error:
        raise AlreadyPosted(what) from error
    deque(sent, maxlen=0)


def _rows(
    kind: LineKind, source: str, credits: Sequence[Credit], now: datetime
) -> tuple[sql.Statement, sql.Statement]:
    """Balances and lines of a set."""
    at = sql.time(now)
    users = sql.literals([credit.user_id for credit in credits])
    wallets = sql.literals([accounts.wallet(credit.user_id) for credit in credits])
    references = sql.literals([credit.reference for credit in credits])
    amounts = [money.told(credit.fen) for credit in credits]
    (when, account) = sql.literals([at, source])
    balances = ", ".join(
        [f"({user}, {amount}, 0, '', {when})" for user, amount in zip(users, amounts, strict=True)]
    )
    lines = ", ".join(
        [
            f"({kind:d}, {reference}, {account}, {wallet}, {amount}, '', {when})"
            for reference, wallet, amount in zip(references, wallets, amounts, strict=True)
        ]
    )
    return (
        (f"{sql.insert_into(Wallet, *_BALANCE)} VALUES {balances} {_or_add()}", []),
        (f"{sql.insert_into(LedgerLine, *_LINE)} VALUES {lines}", []),
    )


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
    head = sql.insert_into(Wallet, *_BALANCE)
    return f"{head} SELECT {row}{_nowhere()} WHERE {paid_in()} {_or_add()}"


@cache
def _paid_in_sql() -> str:
    return f"SELECT 1{_nowhere()} WHERE {paid_in()}"


def _nowhere() -> str:
    """Where a SELECT of nothing but values reads from."""
    return " FROM DUAL" if sql.is_mysql() else ""


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
def _line_sql() -> str:
    return sql.insert(LedgerLine, *_LINE)
