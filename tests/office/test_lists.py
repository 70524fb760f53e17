"""Lists over big tables: bounded, by key, each filter and search on an index."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from office.frame import lists
from office.frame.columns import waited
from office.readonly import ReadOnlyAdmin
from packets.models import RedPacket
from packets.states import Kind
from testing import desk, make
from wallets.credit import credit
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind


def ours():
    return [a for a in admin.site._registry.values() if isinstance(a, ReadOnlyAdmin)]


def leads_an_index(model, path: str) -> bool:
    """Whether an index begins with this column (of the first model on the path)."""
    field = model._meta.get_field(path.split("__")[0])
    if field.unique or field.db_index:
        return True
    indexes = [list(index.fields) for index in model._meta.indexes]
    uniques = [list(c.fields) for c in model._meta.constraints if hasattr(c, "fields")]
    return any(fields and fields[0].lstrip("-") == field.name for fields in indexes + uniques)


def test_every_filter_and_search_has_an_index():
    seen = 0
    for model_admin in ours():
        names = [item if isinstance(item, str) else item[0] for item in model_admin.list_filter]
        searched = [] if model_admin.model is LedgerLine else model_admin.search_fields
        for name in [*names, *searched]:
            assert leads_an_index(model_admin.model, name), (model_admin, name)
            seen += 1
    assert seen > 15


def test_the_check_of_indexes_notices_a_missing_one():
    assert not leads_an_index(RedPacket, "intro")
    assert not leads_an_index(LedgerLine, "created_at")
    assert leads_an_index(RedPacket, "pay_time")


@pytest.mark.parametrize("query", ["", "?q=alice", "?p=2"])
def test_nothing_is_counted_to_the_end(superuser, query):
    make.make_paid_packet(Kind.EQUAL, 3, "1.00")
    unbounded = []

    for model_admin in ours():
        with CaptureQueriesContext(connection) as captured:
            superuser.get(desk.list_of(model_admin.model) + query)
        unbounded += [
            q["sql"] for q in captured if "COUNT(" in q["sql"] and "LIMIT" not in q["sql"]
        ]

    grouped = [sql for sql in unbounded if "GROUP BY" in sql and " IN (" in sql]
    assert [sql for sql in unbounded if sql not in grouped] == []


def test_pages_end_at_the_window_and_go_on_by_key(auditor, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED", 100)
    for _ in range(130):
        make.make_wallet("bob", "0.01")
    newest, oldest = LedgerLine.objects.latest("pk").pk, LedgerLine.objects.earliest("pk").pk
    url = desk.list_of(LedgerLine)

    first = auditor.get(url)
    second = auditor.get(f"{url}?p=2")
    older = auditor.get(url + second.context["cl"].older_url)

    assert "100+ ledger lines" in first.content.decode()
    assert keys(first) == list(range(newest, newest - 50, -1))
    assert keys(second) == list(range(newest - 50, newest - 100, -1))
    assert keys(older) == list(range(newest - 100, oldest - 1, -1))
    assert older.context["cl"].older_url == ""
    assert "100+ ledger lines" not in older.content.decode()


def keys(answer) -> list:
    return [row.pk for row in answer.context["cl"].result_list]


def test_wallets_go_on_upwards(support, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED", 51)  # more than a page
    names = [f"w{number:03}" for number in range(60)]
    for name in names:
        make.make_wallet(name, "0.01")
    url = desk.list_of(Wallet)

    first = support.get(url)
    older = support.get(url + first.context["cl"].older_url)

    assert keys(first) + keys(older) == names


@pytest.mark.parametrize("before", ["x", "", "9" * 40, "-1"])
def test_a_bad_place_is_no_error(auditor, before):
    make.make_wallet("bob", "0.01")

    assert auditor.get(desk.list_of(LedgerLine), {"before": before}).status_code in (200, 302)


def test_days_are_those_of_the_service(support):
    """Both days included, midnight to midnight in the service's time zone."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    first = make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=today)
    make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=today - timedelta(microseconds=1))
    last = make.make_paid_packet(
        Kind.EQUAL, 1, "1.00", now=today + timedelta(days=1) - timedelta(microseconds=1)
    )
    make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=today + timedelta(days=1))
    day = today.date().isoformat()

    answer = support.get(
        desk.list_of(RedPacket),
        {"pay_time__from": day, "pay_time__to": day, "pay_status__exact": 1},
    )

    assert keys(answer) == [last.pk, first.pk]
    assert [str(total.amount) for total in answer.context["cl"].totals] == ["2.00"]
    assert f'value="{day}"' in answer.content.decode()


@pytest.mark.parametrize("day", ["x", "2026-13-01", "9999-12-31", "0001-01-01", "", "2026-W01"])
def test_a_bad_day_is_no_error(support, day):
    answer = support.get(desk.list_of(RedPacket), {"pay_time__from": day, "pay_time__to": day})

    assert answer.status_code in (200, 302)


def test_totals_are_of_the_filtered_set_whatever_page(support):
    for number in range(1, 61):
        make.make_paid_packet(
            Kind.EQUAL, 1, f"{number}.01", sender=f"s{number % 2}", for_id=f"g{number % 2}"
        )
    url = desk.list_of(RedPacket)

    everything = support.get(url, {"p": 2}).context["cl"].totals
    of_one = support.get(url, {"q": "s1"}).context["cl"].totals

    assert str(everything[0][1]) == f"{sum(range(1, 61))}.60"
    assert str(of_one[0][1]) == f"{sum(range(1, 61, 2))}.30"


def test_totals_stop_and_say_so(support, monkeypatch):
    monkeypatch.setattr(lists, "SUMMED", 2)
    for _ in range(3):
        make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    assert str(support.get(desk.list_of(RedPacket)).context["cl"].totals[0][1]) == "2.00"


def test_search_in_a_list_is_exact(auditor):
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00")
    packets, ledger = desk.list_of(RedPacket), desk.list_of(LedgerLine)

    assert keys(auditor.get(packets, {"q": f" {packet.public_id}\n"})) == [packet.pk]
    assert keys(auditor.get(packets, {"q": "alice"})) == [packet.pk]
    assert keys(auditor.get(packets, {"q": "ALICE"})) == [packet.pk]
    assert keys(auditor.get(packets, {"q": "ali"})) == []
    assert keys(auditor.get(packets, {"q": "红包"})) == []
    assert len(keys(auditor.get(ledger, {"q": packet.public_id}))) == 1
    assert len(keys(auditor.get(ledger, {"q": "alice"}))) == 2
    assert len(keys(auditor.get(ledger, {"q": "platform"}))) == 1
    assert keys(auditor.get(ledger, {"q": "红包"})) == []


def test_a_busy_account_goes_on_by_key(auditor, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED", 51)  # more than a page
    for number in range(60):
        make.make_wallet("bob" if number % 2 else "eve", "0.01")
    url, newest = desk.list_of(LedgerLine), LedgerLine.objects.latest("pk").pk

    first = auditor.get(url, {"q": "platform"})
    older = auditor.get(url + first.context["cl"].older_url)

    assert keys(first) + keys(older) == list(range(newest, newest - 60, -1))
    assert len(keys(auditor.get(url, {"q": "bob"}))) == 30


def test_a_filter_by_days_is_in_their_order_and_goes_on_behind(support, monkeypatch):
    """Three packets a moment, so that the window ends between two of one moment."""
    monkeypatch.setattr(lists, "COUNTED", 51)  # more than a page
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    made = [
        make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=noon - timedelta(minutes=number // 3))
        for number in range(60)
    ]
    url, day = desk.list_of(RedPacket), noon.date().isoformat()

    first = support.get(url, {"pay_time__from": day})
    older = support.get(url + first.context["cl"].older_url)

    newest_first = sorted(made, key=lambda packet: (packet.pay_time, packet.pk), reverse=True)
    assert keys(first) + keys(older) == [packet.pk for packet in newest_first]
    assert len(keys(first)) == 50
    assert keys(support.get(url, {"pay_time__from": day, "before": "9" * 18})) == []


def test_a_kind_of_lines_is_of_one_day(auditor):
    yesterday = timezone.now() - timedelta(days=1)
    credit(user_id="bob", amount=Decimal("0.01"), reason="test", now=yesterday)
    make.make_wallet("bob", "0.01")
    newest, oldest = LedgerLine.objects.latest("pk").pk, LedgerLine.objects.earliest("pk").pk
    url, kind = desk.list_of(LedgerLine), {"kind__exact": LineKind.ADJUSTMENT}

    assert keys(auditor.get(url)) == [newest, oldest]
    assert keys(auditor.get(url, kind)) == [newest]
    assert keys(auditor.get(url, {**kind, "booked_on__day": "today"})) == [newest]
    assert keys(auditor.get(url, {"kind__exact": LineKind.GRAB})) == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(minutes=1, seconds=59), "1 minute"),
        (timedelta(minutes=13), "13 minutes"),
        (timedelta(minutes=61), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=49), "2 days"),
        (timedelta(seconds=-5), "0 minutes"),
    ],
)
def test_how_long_a_row_has_waited(ago, told):
    now = timezone.now()

    assert waited(now - ago, now) == told
