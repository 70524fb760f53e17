"""Lists on tables that grow: every filter, search and order along an index, by the models and by
the database's own account; and no page asks more because there are more rows."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench import asked, history
from office.frame import lists
from office.pages.wallets.day_filters import DayFilter, KindOfDayFilter, SidesOfDayFilter
from office.readonly import ReadOnlyAdmin
from packets.models import RedPacket, Share
from payments.models import PaymentOrder
from sandbox.management.commands.token import token
from wallets.models import LedgerLine

WITHIN_A_DAY = {
    KindOfDayFilter,
    DayFilter,
    SidesOfDayFilter,
}  # the books of one day (pages/day_filters.py)
LIST_OF_ITS_OWN = LedgerLine  # searches both sides of its accounts by itself (pages/ledger.py)


def ours():
    return [each for each in admin.site._registry.values() if isinstance(each, ReadOnlyAdmin)]


def indexes(model) -> list[list[str]]:
    """The columns of each index; every one ends with the key, as InnoDB keeps it."""
    meta = model._meta
    found = [[f.name] for f in meta.concrete_fields if f.primary_key or f.unique or f.db_index]
    found += [[name.lstrip("-") for name in index.fields] for index in meta.indexes]
    found += [list(c.fields) for c in meta.constraints if hasattr(c, "fields")]
    return [[*columns, meta.pk.name] for columns in found]


def finds(model, path: str) -> bool:
    """Whether rows with a value, or a range of values, are found by an index."""
    first, _, rest = path.partition("__")
    field = model._meta.get_field(first)
    is_found = any(columns[0] == field.name for columns in indexes(model))
    return is_found and (not rest or finds(field.related_model, rest))


def finds_in_order(model, name: str, kind: type | None = None) -> bool:
    """Whether the rows with one value also come in the order of the list."""
    column = getattr(kind, "ordered_by", "") or model._meta.pk.name
    return any(columns[:2] == [name, column] for columns in indexes(model))


def is_served(model, name: str, kind: type | None) -> bool:
    if hasattr(kind, "ranged") and not hasattr(kind, "ordered_by"):
        return finds(model, name)
    return finds_in_order(model, name, kind)


def test_every_list_is_one_of_ours():
    assert set(admin.site._registry) == {each.model for each in ours()}


def test_every_list_is_in_the_order_of_its_key():
    assert {tuple(each.ordering) for each in ours()} == {("-pk",), ("pk",)}


def test_every_filter_is_served_by_an_index():
    slow, seen = [], 0
    for each in ours():
        for item in each.list_filter:
            name, kind = (item, None) if isinstance(item, str) else item
            if kind in WITHIN_A_DAY:
                continue
            slow += [] if is_served(each.model, name, kind) else [(each, name)]
            seen += 1
    assert slow == []
    assert seen > 8


def test_every_search_is_served_by_an_index():
    searched = [
        (each.model, path)
        for each in ours()
        if each.model is not LIST_OF_ITS_OWN
        for path in each.search_fields
    ]

    assert [(model, path) for model, path in searched if not finds(model, path)] == []
    assert len(searched) > 15


def test_the_checks_notice_a_missing_index():
    assert not finds(RedPacket, "intro")
    assert not finds(LedgerLine, "created_at")
    assert finds(RedPacket, "pay_time")
    assert finds(PaymentOrder, "user_id")
    assert not finds_in_order(RedPacket, "user_id")
    assert finds_in_order(PaymentOrder, "pay_type")


def test_the_grab_pays_for_no_list():
    """What a grab writes has the indexes that grabs, settlement, the daily close and the app's
    pages need."""
    assert len(indexes(Share)) == 6  # a grab leaves that of (rp, for_user) as it is
    assert len(indexes(LedgerLine)) == 5


# --- and what MariaDB says


def asked_of(shares: int) -> dict[str, list[str]]:
    """Every page of staff and of the app on a database of so many shares: its statements."""
    user = User.objects.filter(username="bench").first() or asked.staff()
    history.write(shares=shares, staff=user.pk)
    client = asked.desk(user)
    bearer = {"Authorization": f"Bearer {token(history.BUSY, 3600)}"}
    pages = [(name, url, {}) for name, url in once(asked.of_staff(user))]
    pages += [(name, url, bearer) for name, url in asked.of_the_app().items()]
    statements = {}
    client.get("/admin/")
    for name, url, headers in pages:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(url, headers=headers)
        assert answer.status_code in (200, 302), (name, url, answer.status_code)
        statements[name] = [query["sql"] for query in captured]
    return statements


def once(pages: dict[str, str]):
    """One choice of each filter."""
    kinds = {re.sub(r"=[^&]*", "", name): (name, url) for name, url in pages.items()}
    return [(kind, url) for kind, (_, url) in kinds.items()]


@pytest.mark.broken_books  # no verb wrote these rows
def test_no_page_scans_sorts_or_asks_more_of_a_larger_database(mariadb_alone, monkeypatch):
    monkeypatch.setattr(lists, "SUMMED", 100)  # a limit as far below the number of rows as later
    few, many = asked_of(1_000), asked_of(40_000)

    offenders = {name: asked.offenders(each, few=1000) for name, each in many.items()}
    # A page that shows nothing of a kind asks nothing about its rows: four queries at most.
    more = {name: (len(few[name]), len(many[name])) for name in few.keys() & many.keys()}
    assert {name: found for name, found in offenders.items() if found} == {}
    assert asked.offenders(["SELECT * FROM red_packet ORDER BY intro"], few=1000) != []
    assert {name: (a, b) for name, (a, b) in more.items() if b > a + 4} == {}
    assert len(more) > 80
    assert max(map(len, many.values())) < 40
