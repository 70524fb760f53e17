"""Ids from outside (opaque strings of the chat platform) and ids that we show outside."""

import re
import secrets
import time
from base64 import b32encode
from typing import Any, cast

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup
from django.utils.translation import gettext_lazy as _

OUTSIDE_ID_PATTERN = r"^[A-Za-z0-9_.:@-]{1,64}$"
# In answers: such an id, or what stands in the place of somebody who was erased (pseudonyms.py).
TOLD_ID_PATTERN = r"^([A-Za-z0-9_.:@-]{1,64}|~[a-z2-7]{26})$"
PACKET_ID_PATTERN = r"^rp_[a-z2-7]{26}$"
ORDER_NO_PATTERN = r"^hb[a-z2-7]{26}$"
_ORDER_NO = re.compile(ORDER_NO_PATTERN)
_PACKET_ID = re.compile(PACKET_ID_PATTERN)
_OUTSIDE_ID = re.compile(OUTSIDE_ID_PATTERN)


def is_packet_id(value: str) -> bool:
    """Whether it could be one of ours; anything else would meet an ASCII column in vain."""
    return bool(_PACKET_ID.fullmatch(value))


def is_order_no(value: str) -> bool:
    return bool(_ORDER_NO.fullmatch(value))


def is_outside_id(value: object) -> bool:
    """`.` and `..` would be another address where the id stands in a path."""
    return (
        isinstance(value, str) and bool(_OUTSIDE_ID.fullmatch(value)) and value not in (".", "..")
    )


def validate_outside_id(value: str) -> None:
    if not is_outside_id(value):
        raise ValidationError(_("1 to 64 characters of A-Z a-z 0-9 _ . : @ -"), code="invalid")


class AsciiField(models.CharField):
    """ASCII compared byte by byte, so that `u1` and `U1` differ on every engine."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = cast(Any, connection).ascii_collation
        return parameters


class _AsciiOnly(Lookup):
    """A lookup that asks nothing in vain: what is not ASCII stands in no such column, and MariaDB
    refuses to compare the two (1267)."""

    def get_prep_lookup(self) -> Any:
        prepared = super().get_prep_lookup()
        if self.lookup_name == "in" and self.rhs_is_direct_value():
            return [value for value in prepared if not _is_foreign(value)]
        return prepared

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        if _is_foreign(self.rhs):
            raise EmptyResultSet
        return super().as_sql(compiler, connection)


def _is_foreign(value: object) -> bool:
    return isinstance(value, str) and not value.isascii()


for _name, _lookup in models.CharField.get_class_lookups().items():
    if _name != "isnull":
        AsciiField.register_lookup(type(f"Ascii{_lookup.__name__}", (_AsciiOnly, _lookup), {}))


class OutsideIdField(AsciiField):
    """A user or group id of the chat platform (Spec 1.3)."""

    default_validators = [validate_outside_id]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **{"max_length": 64} | kwargs)


def public_id(prefix: str) -> str:
    """`rp_` + 26 characters: 48 bits of time, so that new rows share index pages, 80 random bits.

    Nobody can guess the next one (Spec 2.1); decision 0003 weighs this against wholly random ids.
    """
    return f"{prefix}_{_unguessable()}"


def merchant_no(prefix: str) -> str:
    """An order or refund number for a channel: 28 letters and digits, which all three take."""
    return prefix + _unguessable()


def _unguessable() -> str:
    raw = int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10)
    return b32encode(raw).decode().rstrip("=").lower()
