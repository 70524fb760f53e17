"""The audit behind each test (conftest.py) leaves out rules, and misses nothing by it."""

import pytest
from django.db import connection
from django.utils import timezone

from conftest import audited, filled_tables
from office import roles
from testing.desk import account
from testing.make import (
    confirm,
    make_order,
    make_packet,
    make_paid_packet,
    make_wallet,
    propose_adjustment,
)
from wallets import adjust
from wallets.audit import audit


def of_a_wallet() -> str:
    make_wallet("bob", "5.00")
    return "UPDATE wallets_wallet SET balance = balance + 1"


def of_a_line() -> str:
    make_wallet("bob", "5.00")
    return "DELETE FROM wallets_ledgerline"


def of_a_packet() -> str:
    make_paid_packet()
    return "UPDATE red_packet SET expend_time = 1"


def of_a_share() -> str:
    make_paid_packet()
    return "UPDATE red_packet_log SET money = money + 1"


def of_an_order() -> str:
    assert confirm(make_order(make_packet()), timezone.now())
    return "DELETE FROM wallets_ledgerline"


def of_an_adjustment() -> str:
    maker, checker = (account(role).pk for role in (roles.MAKER, roles.CHECKER))
    proposed = propose_adjustment("bob", "5.00", maker_id=maker)
    adjust.approve(reference=proposed.reference, checker_id=checker, now=timezone.now())
    return "DELETE FROM wallets_ledgerline"


@pytest.mark.broken_books
@pytest.mark.parametrize(
    "begun",
    [of_a_wallet, of_a_line, of_a_packet, of_a_share, of_an_order, of_an_adjustment],
    ids=lambda begun: begun.__name__,
)
def test_what_is_left_out_would_have_found_nothing(begun):
    statement = begun()
    assert audited(filled_tables()) == audit() == []

    with connection.cursor() as cursor:
        cursor.execute(statement)

    assert audited(filled_tables()) == audit() != []
