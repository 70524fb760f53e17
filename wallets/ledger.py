"""The till: post() is the only way money moves.

Compiled SQL rather than the ORM, because every winning grab comes through here (docs/hot-path.md).
"""

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


@cache
def _credit_sql() -> str:
    """One statement whether the wallet exists or not; rounded, since SQLite adds in floats."""
    insert = sql.insert(Wallet, "user_id", "balance", "is_frozen", "frozen_reason", "created_at")
    balance = sql.column(Wallet, "balance")
    if sql.is_mysql():
        return f"{insert} ON DUPLICATE KEY UPDATE {balance} = {balance} + VALUES({balance})"
    key = sql.column(Wallet, "user_id")
    return (
        f"{insert} ON CONFLICT ({key}) DO UPDATE"
        f" SET {balance} = ROUND({sql.table(Wallet)}.{balance} + excluded.{balance}, 2)"
    )


@cache
def _line_sql() -> str:
    return sql.insert(
        LedgerLine, "kind", "reference", "source", "target", "amount", "note", "created_at"
    )
