"""A flow's page is read from one range of an index per side and kind, whatever the wallet has."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from wallets import accounts, statement
from wallets.models import LedgerLine
from wallets.states import LineKind

pytestmark = pytest.mark.broken_books  # lines without their wallets
LIMIT = 20
MANY = 600
SIDE_AND_KIND = 84  # bytes of MariaDB's key: 80 letters and their length, and the kind


def lines_of(user_id: str, kind: LineKind, number: int) -> None:
    """In and out, in turns; rows as the till would write them, for no wallet."""
    mine, now = accounts.wallet(user_id), timezone.now()
    LedgerLine.objects.bulk_create(
        LedgerLine(
            kind=kind,
            reference=f"{user_id}/{kind}/{n}",
            source=mine if n % 2 else "platform",
            target="platform" if n % 2 else mine,
            amount=1,
            created_at=now,
        )
        for n in range(number)
    )


@pytest.fixture
def busy():
    """One who took and sent much, and has little of anything else, all of it old."""
    for kind in (LineKind.TOPUP, LineKind.CHANNEL_REFUND, LineKind.ADJUSTMENT):
        lines_of("busy", kind, 3)
    for kind in (LineKind.GRAB, LineKind.SEND):
        lines_of("busy", kind, MANY)
    for n in range(20):
        lines_of(f"u{n}", LineKind.GRAB, 20)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE wallets_ledgerline" if is_mariadb() else "ANALYZE")
        cursor.fetchall()
    return "busy"


def is_mariadb() -> bool:
    return connection.vendor == "mysql"


def steps(sql: str) -> list[str]:
    """How the ledger is read: by which index, by how many columns of it, and what is done then."""
    if connection.display_name == "OceanBase":
        pytest.skip("it writes its plans in words of its own")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'' if is_mariadb() else 'QUERY PLAN '}{sql}")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if is_mariadb():
        ours = [row for row in rows if row["table"] == "wallets_ledgerline"]
        return [f"{row['key']} {row['type']} {row['key_len']} {row['Extra']}" for row in ours]
    return [row["detail"] for row in rows if "wallets_ledgerline" in row["detail"]]


def by_range(step: str) -> bool:
    """By side and kind, in the order of the key, without the row."""
    if is_mariadb():
        _, kind, length, extra = step.split(maxsplit=3)
        return kind in ("ref", "range") and int(length) >= SIDE_AND_KIND and "Using index" in extra
    return "USING COVERING INDEX" in step and "=? AND kind=?" in step


@pytest.mark.parametrize("before", [None, 10**9])
@pytest.mark.parametrize("kind", [None, *statement.FLOW_KINDS])
def test_every_flow_is_read_from_ranges_of_an_index(busy, kind, before):
    with CaptureQueriesContext(connection) as captured:
        statement.flow(user_id=busy, kind=kind, before=before, limit=LIMIT)

    keys, *rows = (query["sql"] for query in captured)
    read = steps(keys)
    kinds = statement.FLOW_KINDS[kind] if kind else statement._WORDS
    assert len(read) == 2 * len(kinds)
    assert [step for step in read if not by_range(step)] == []
    assert {step.split("ledger_")[1].split()[0] for step in read} == {"source_kind", "target_kind"}
    assert "filesort" not in " ".join(read)
    assert len(rows) <= 1  # the lines of those keys


def test_the_plan_shows_a_query_over_both_sides_or_all_kinds(busy):
    """What the flow was read by before: the index of a side alone says nothing of the kind."""
    account = accounts.wallet(busy)
    lines = LedgerLine.objects.filter(target=account).order_by("-pk").values("pk")[:LIMIT]

    assert not all(map(by_range, steps(str(lines.query).replace(account, f"'{account}'"))))


@pytest.mark.parametrize("kind", [None, *statement.FLOW_KINDS])
def test_pages_of_a_flow_are_all_its_lines_newest_first(busy, kind):
    account = accounts.wallet(busy)
    lines = LedgerLine.objects.filter(source=account) | LedgerLine.objects.filter(target=account)
    if kind:
        lines = lines.filter(kind__in=statement.FLOW_KINDS[kind])

    told, before = [], None
    while page := statement.flow(user_id=busy, kind=kind, before=before, limit=400):
        told += page[:400]
        before = page[:400][-1].id

    assert [entry.id for entry in told] == list(lines.order_by("-pk").values_list("pk", flat=True))
    assert {entry.money for entry in told} <= {1, -1}


def walk(user_id: str, size: int = 2) -> list[int]:
    found: list[int] = []
    before = None
    while page := statement.flow(user_id=user_id, kind=None, before=before, limit=size)[:size]:
        found += [entry.id for entry in page]
        before = page[-1].id
    return found


def test_a_flow_shows_every_line_once_whatever_keys_two_servers_give():
    """Some engines give keys in blocks: a later line may have the smaller one, and one that commits
    while somebody pages may come to stand behind him or before."""
    lines_of("ann", LineKind.GRAB, 6)
    for at, line in enumerate(LedgerLine.objects.order_by("pk")):
        LedgerLine.objects.filter(pk=line.pk).update(id=(900, 100, 901, 101, 902, 102)[at])
    assert walk("ann") == [902, 901, 900, 102, 101, 100]
    first = statement.flow(user_id="ann", kind=None, before=None, limit=2)[:2]

    lines_of("ann", LineKind.SEND, 2)
    for key, line in zip((50, 903), LedgerLine.objects.filter(kind=LineKind.SEND), strict=True):
        LedgerLine.objects.filter(pk=line.pk).update(id=key)

    rest = statement.flow(user_id="ann", kind=None, before=first[-1].id, limit=9)
    assert [entry.id for entry in rest] == [900, 102, 101, 100, 50]
    assert walk("ann") == [903, 902, 901, 900, 102, 101, 100, 50]
