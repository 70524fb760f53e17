"""All arithmetic on money that is not a ledger post. Decimal yuan; integer fen outwards."""

import re
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Sum
from django.db.models.functions import Cast, Coalesce, Round

ZERO = Decimal("0.00")
# What the API accepts: two places, no sign, no exponent, at most ten digits (api.md).
YUAN_PATTERN = r"^(0|[1-9][0-9]{0,7})\.[0-9]{2}$"
YUAN_TOLD_PATTERN = r"^(0|[1-9][0-9]*)\.[0-9]{2}$"
_YUAN = re.compile(YUAN_PATTERN)


def yuan(value: str | int | Decimal) -> Decimal:
    """An exact amount with two places; floats, third places, NaN and negatives are refused.

    >>> yuan("12.34"), yuan(5)
    (Decimal('12.34'), Decimal('5.00'))
    """
    if not isinstance(value, (str, int, Decimal)) or isinstance(value, bool):
        raise TypeError(f"money is a string, an int or a Decimal, not {type(value).__name__}")
    amount = Decimal(value)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"not an amount of money: {value!r}")
    exact = amount.quantize(Decimal("0.01"))
    if exact != amount:
        raise ValueError(f"more than two decimal places: {value!r}")
    return exact


def parse_yuan(value: object) -> Decimal | None:
    """What a client wrote, or None when it is not `"12.34"` to the letter."""
    if isinstance(value, str) and _YUAN.fullmatch(value):
        return Decimal(value)
    return None


def fen(amount: Decimal) -> int:
    """Yuan to fen.

    >>> fen(Decimal("12.34"))
    1234
    """
    return int(yuan(amount) * 100)


def from_fen(amount_fen: int) -> Decimal:
    """Fen to yuan.

    >>> from_fen(1234)
    Decimal('12.34')
    """
    return Decimal(amount_fen).scaleb(-2).quantize(Decimal("0.01"))


def told(amount_fen: int) -> str:
    """Fen as text, in yuan.

    >>> told(1205)
    '12.05'
    """
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


class MoneyField(models.DecimalField):
    """Decimal yuan, two places. SQLite keeps fifteen digits, so thirteen are the most we store."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **{"max_digits": 13} | kwargs | {"decimal_places": 2})


def plus(column: str, amount: Decimal) -> Round:
    """`column + amount` in SQL, exact on both engines (a bare sum is floating point on SQLite)."""
    return Round(F(column) + amount, precision=2, output_field=MoneyField())


def fen_sum(column: str, **kwargs: Any) -> Coalesce:
    """The sum of a money column in integer fen, for annotate() and aggregate()."""
    return Coalesce(
        Sum(
            Cast(Round(F(column) * 100, output_field=MoneyField()), models.BigIntegerField()),
            **kwargs,
        ),
        0,
        output_field=models.BigIntegerField(),
    )


def total(queryset: models.QuerySet, column: str) -> Decimal:
    """The exact sum of a money column; SQLite's own sum of decimals drifts."""
    return from_fen(queryset.aggregate(fen=fen_sum(column))["fen"])
