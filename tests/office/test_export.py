"""Any list as filtered, as a file that Excel and WPS open rightly and nothing in it runs."""

import csv
import io
import json
import zipfile
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.utils import timezone

from kit import replica
from office.export import jobs as export
from office.export.files import FORMATS, Xlsx
from office.export.sheets import Column
from office.models import StaffAction
from packets.models import RedPacket
from packets.states import Kind
from testing import desk, make
from tests.office import books
from tests.office.exports import (
    about_of,
    begun,
    read_csv,
    read_xlsx,
    taken_out,
    write_to_the_end,
    written,
)
from wallets import freeze
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind


@pytest.mark.parametrize(
    "begin",
    [
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n",
        "＝",
        "＋",
        "－",
        "＠",
        "﹣",
        "﹦",
        "−",
        " =",
        "\u200b=",
    ],
)
def test_no_cell_is_a_formula(maker, begin):
    make.make_wallet("bob", "1.00")
    freeze.freeze(user_id="bob", reason=f"{begin}cmd|'/c calc'!A1", now=timezone.now())

    rows = read_csv(taken_out(maker, Wallet))
    head, row = read_xlsx(taken_out(maker, Wallet, "xlsx"))[:2]

    assert rows[0]["reason"].startswith("'")
    assert not row[head.index("reason")].startswith("'"), "a string of a sheet is no formula"


def test_a_file_opens_with_numbers_as_numbers_and_ids_as_text(auditor):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    make.make_wallet("20261125123456789012", "7.00")

    lines = read_csv(taken_out(auditor, LedgerLine))
    wallets = {row["user"]: row for row in read_csv(taken_out(auditor, Wallet))}
    head, newest, *_ = read_xlsx(taken_out(auditor, LedgerLine, "xlsx"))

    assert [row["amount"] for row in lines] == ["7.00", "10.00", "10.00"]
    assert wallets["20261125123456789012\t"]["balance"] == "7.00"
    assert newest[head.index("amount")] == 7
    assert newest[head.index("target")] == "the wallet of 20261125123456789012"
    assert newest[head.index("time")].date() == timezone.localdate()
    assert lines[1]["reference"] == packet.public_id


def test_amounts_have_two_places_and_times_a_format(auditor):
    make.make_wallet("bob", "7.00")
    content = b"".join(taken_out(auditor, LedgerLine, "xlsx"))

    sheet = openpyxl.load_workbook(io.BytesIO(content)).active

    heads = {cell.value: cell.column for cell in sheet[1]}
    assert sheet.cell(2, heads["amount"]).number_format == "#,##0.00"
    assert sheet.cell(2, heads["time"]).number_format == "yyyy-mm-dd hh:mm:ss"
    assert sheet.freeze_panes == "A2"


def test_the_filters_of_the_list_hold(maker):
    make.make_wallet("bob", "1.00")
    make.make_wallet("eve", "2.00")
    freeze.freeze(user_id="eve", reason="reported", now=timezone.now())

    frozen = read_csv(taken_out(maker, Wallet, query="?is_frozen__exact=1"))
    found = read_csv(taken_out(maker, Wallet, query="?q=bob&p=1"))

    assert [row["user"] for row in frozen] == ["eve"]
    assert [row["user"] for row in found] == ["bob"]
    assert taken_out(maker, Wallet, query="?seed__startswith=a").status_code in (302, 400)


def test_what_is_hidden_on_the_page_is_in_no_file(superuser):
    packet = make.make_paid_packet(Kind.LUCKY, 3, "10.00")

    content = b"".join(taken_out(superuser, RedPacket)).decode()

    assert packet.public_id in content
    assert packet.seed not in content
    for model_admin in {type(a): a for a in _admins()}.values():
        hidden = {"seed", "pay_params", "body", "headers", "token", "open_key", "fingerprint"}
        titles = [str(column.title) for column in model_admin.export_columns()]
        assert not hidden & set(titles), model_admin
        assert len(titles) == len(set(titles)), (model_admin, titles)


def _admins():
    from django.contrib import admin

    from office.readonly import ReadOnlyAdmin

    return [a for a in admin.site._registry.values() if isinstance(a, ReadOnlyAdmin)]


def test_every_list_can_be_taken_out(superuser, maker):
    books.keep(maker.user, timezone.now())

    for model_admin in _admins():
        for format in FORMATS:
            answer = taken_out(superuser, model_admin.model, format)
            assert answer.status_code == 200, model_admin
            assert b"".join(answer)


def test_it_takes_the_right_to_export_and_leaves_a_record(maker, support):
    make.make_wallet("bob", "1.00")

    assert taken_out(support, Wallet).status_code == 403
    assert "export/" not in support.get(desk.list_of(Wallet)).content.decode()
    assert maker.get(f"{desk.list_of(Wallet)}export/").status_code == 405
    assert taken_out(maker, Wallet, "exe").status_code == 405
    assert not StaffAction.objects.exists()
    taken_out(maker, Wallet, query="?q=bob")

    action = StaffAction.objects.get()
    assert (action.user, action.action, action.reason) == (maker.user, "export", "csv q=bob")


def test_heads_speak_the_readers_language(maker):
    make.make_wallet("bob", "1.00")
    maker.cookies["django_language"] = "zh-hans"

    answer = taken_out(maker, Wallet, **{"Accept-Language": "zh-hans"})

    assert list(read_csv(answer)[0])[:3] == ["用户", "余额", "状态"]


# --- what a file says of itself


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_tells_its_list_filters_person_and_total(maker, format):
    make.make_paid_packet(Kind.EQUAL, 2, "180.00")
    make.make_wallet("bob", "7.00")
    today = timezone.localdate().isoformat()
    query = f"?booked_on__day=today&kind__exact={LineKind.SEND.value}&q=alice"
    make.make_wallet("=1+1", "3.00")

    content = b"".join(taken_out(maker, LedgerLine, format, query))
    every = about_of(b"".join(taken_out(maker, LedgerLine, format)), format)

    told = about_of(content, format)
    assert told["list"] == "ledger lines" and told["exported by"] == maker.user.username
    assert {"search: alice", "day: Today"} < set(told["filters"].split("; "))
    assert today in str(told["asked for at"])
    assert "Read from the replica, as of" not in told
    assert every["filters"] == "none"
    if format == "csv":
        assert (told["rows"], told["total (amount)"]) == ("1", "360.00")
        assert (every["rows"], every["total (amount)"]) == ("4", "730.00")
        foot = content.decode().partition("\r\n\r\n")[2]
        assert all(len(line) == 1 for line in csv.reader(io.StringIO(foot))), "no sum meets them"
    else:
        assert (told["rows"], told["total (amount)"]) == (1, 360)
        assert (every["rows"], every["total (amount)"]) == (4, 730)


def test_filters_are_told_in_the_words_of_the_list(maker):
    asked = {
        Wallet: ("is_frozen__exact=1", "已冻结：是"),
        LedgerLine: ("source__of=wallets&booked_on__day=2026-11-01", "账户（某日）：钱包"),
        RedPacket: ("total_money__least=5&state=open", "5.00 –"),
    }
    maker.cookies["django_language"] = "zh-hans"

    for model, (query, words) in asked.items():
        answer = taken_out(maker, model, query=f"?{query}")
        foot = b"".join(answer).decode().partition("\r\n\r\n")[2]
        assert words in foot.splitlines()[1], foot


@pytest.mark.parametrize("format", FORMATS)
def test_no_line_about_a_file_is_a_formula(maker, format):
    content = b"".join(taken_out(maker, Wallet, format, "?q==cmd|'/c calc'!A1"))

    if format == "csv":
        foot = content.decode().partition("\r\n\r\n")[2]
        assert foot and not any(line[:1] in '=+-@"' for line in foot.splitlines())
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[-1]
        assert {cell.data_type for row in sheet for cell in row} <= {"s", "n", "d"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_tells_the_oldest_moment_of_the_replica_it_is_from(maker, long, monkeypatch, format):
    moments = [timezone.now() - timedelta(seconds=ago) for ago in (5, 9, 2, 3)]
    given = iter(moments)

    @contextmanager
    def near():
        yield next(given, moments[0])

    monkeypatch.setattr(replica, "reads", near)
    job = begun(maker, format, 5)
    write_to_the_end(job)

    said = about_of(written(job), format)["Read from the replica, as of"]
    assert str(said)[:19] == f"{timezone.localtime(moments[1]):%Y-%m-%d %H:%M:%S}"


def test_a_total_that_was_not_counted_whole_is_not_told(maker, long):
    """A worker of another version wrote a part, and counted nothing."""
    job = begun(maker)
    export.write(job_id=job.pk, now=timezone.now())
    job.refresh_from_db()
    del job.written["tally"]
    job.save()

    write_to_the_end(job)

    told = about_of(written(job), "csv")
    assert told["rows"] == "7" and "total (amount)" not in told


def test_a_shortened_file_says_so_itself(maker, long, monkeypatch):
    monkeypatch.setattr(export, "ROWS_MOST", 5)
    job = begun(maker)

    write_to_the_end(job)

    told = about_of(written(job), "csv")
    assert (told["rows"], told["total (amount)"]) == ("5", "0.05")
    assert "more rows than an export may hold" in told["shortened"]


def test_a_book_in_pieces_is_a_sound_zip():
    """For readers of other kinds: the directory, the sizes behind the entries, the checksums."""
    columns, state, content = [Column("a", str)], None, b""
    for piece in range(3):
        book = Xlsx(columns, "t", state)
        content += book.rows([piece, piece])
        state = json.loads(json.dumps(book.state))  # as another process gets it
    content += Xlsx(columns, "t", state).end()

    with zipfile.ZipFile(io.BytesIO(content)) as made:
        assert made.testzip() is None
        assert all(info.flag_bits == 0x808 for info in made.infolist())


def test_a_sheet_keeps_what_xml_could_not():
    columns = [
        Column("甲", lambda row: row, "text"),
        Column("b", lambda row: Decimal("1.10"), "money"),
    ]
    texts = ["<&>\"'", "a\x00b\x1fc", "  spaces  ", "红包 🧧", "x" * 40_000]
    kept = ["<&>\"'", "abc", "  spaces  ", "红包 🧧", "x" * 32_767]

    book = Xlsx(columns, "a/b:c*[d]?")
    content = book.rows(texts) + book.end()

    rows = list(openpyxl.load_workbook(io.BytesIO(content)).active.values)
    assert rows == [("甲", "b"), *((text, 1.1) for text in kept)]
