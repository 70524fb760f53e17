"""Any list as filtered, as a file that Excel and WPS open rightly and nothing in it runs."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.utils import timezone

from kit import lease
from office.export import jobs as export
from office.export import sheets
from office.export.sheets import Column
from office.models import ExportJob, StaffAction
from packets.models import RedPacket
from packets.states import Kind
from tests import make
from tests.office import books, desk
from wallets import freeze
from wallets.models import LedgerLine, Wallet


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORTS_DIR = tmp_path / "exports"
    return settings.EXPORTS_DIR


def taken_out(sitting, model, format: str = "csv", query: str = "", **headers):
    return sitting.post(f"{desk.list_of(model)}export/{query}", {"format": format}, headers=headers)


def read_csv(answer) -> list[dict]:
    content = b"".join(answer)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def read_xlsx(answer) -> list[tuple]:
    content = b"".join(answer)
    return [tuple(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.values]


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
    assert row[head.index("reason")].startswith("'")


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
        for format in export.FORMATS:
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

    assert list(read_csv(answer)[0])[:2] == ["用户", "余额"]


# --- long ones


def many(number: int = 7) -> list[str]:
    names = [f"w{at:02}" for at in range(number)]
    for name in names:
        make.make_wallet(name, "0.01")
    return names


@pytest.fixture
def long(monkeypatch):
    """Everything is long, a page is two rows, and a worker writes one page before it stops."""
    monkeypatch.setattr(export, "DIRECT", 0)
    monkeypatch.setattr(export, "PAGE", 2)
    monkeypatch.setattr(export, "STEP_S", -1)


def write_to_the_end(job: ExportJob) -> int:
    steps = 0
    while export.write(job_id=job.pk, now=timezone.now()):
        steps += 1
    job.refresh_from_db()
    return steps


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_long_one_is_written_a_step_at_a_time(maker, long, format):
    many()
    answer = taken_out(maker, LedgerLine, format)
    job = ExportJob.objects.get()
    assert answer.headers["Location"] == desk.page_of(job)
    assert export.write(job_id=job.pk, now=timezone.now())
    halfway = maker.text(job)

    steps = write_to_the_end(job)

    assert 'http-equiv="refresh"' in halfway and "<progress" in halfway
    assert (job.state, job.rows, steps) == (ExportJob.State.DONE, 7, 3)
    assert 'http-equiv="refresh"' not in maker.text(job)
    file = maker.get(f"/admin/office/exportjob/{job.pk}/file/")
    assert file.status_code == 200
    assert "no-store" in file.headers["Cache-Control"]
    if format == "csv":
        targets = [row["target"] for row in read_csv(file)]
    else:
        head, *rows = read_xlsx(file)
        targets = [row[head.index("target")] for row in rows]
    assert targets == [f"the wallet of w{number:02}" for number in range(6, -1, -1)]
    assert StaffAction.objects.filter(action="export", key=str(job.pk)).count() == 1


def test_a_killed_worker_leaves_nothing_twice(maker, long, folder):
    many()
    taken_out(maker, LedgerLine)
    job = ExportJob.objects.get()
    export.write(job_id=job.pk, now=timezone.now())

    with next(folder.glob("*.part")).open("ab") as part:
        part.write(b"half a row of a worker that was killed")
    write_to_the_end(job)

    assert len(export.file_of(job).read_text("utf-8-sig").splitlines()) == 8


def test_two_workers_write_one_file(maker, long):
    many()
    taken_out(maker, LedgerLine)
    job, now = ExportJob.objects.get(), timezone.now()
    lease.take(ExportJob.objects.all(), job.pk, now=now, for_s=export.LEASE_S)

    assert not export.write(job_id=job.pk, now=now)
    job.refresh_from_db()
    assert job.rows == 0


def test_a_stopped_worker_appends_nothing_once_another_has_taken_over(maker, long, monkeypatch):
    many()
    taken_out(maker, LedgerLine)
    job, now = ExportJob.objects.get(), timezone.now()
    pages = export.pages

    def stopped(*args):
        for page in pages(*args):
            later = now + timedelta(seconds=export.LEASE_S)
            lease.take(ExportJob.objects.all(), job.pk, now=later, for_s=export.LEASE_S)
            yield page

    monkeypatch.setattr(export, "pages", stopped)

    assert not export.write(job_id=job.pk, now=now)
    job.refresh_from_db()
    assert (job.rows, job.state, job.lease is None) == (0, ExportJob.State.RUNNING, False)
    assert not export._part(job, 0).exists()


def test_more_rows_than_a_sheet_holds_go_on_in_another(maker, long, monkeypatch):
    monkeypatch.setattr(sheets, "SHEET_ROWS", 3)
    many()
    taken_out(maker, LedgerLine, "xlsx")
    job = ExportJob.objects.get()

    write_to_the_end(job)

    book = openpyxl.load_workbook(export.file_of(job))
    assert [sheet.max_row for sheet in book] == [4, 4, 2]
    assert not list(export.file_of(job).parent.glob("*.part"))


def test_a_file_is_for_its_owner_alone_and_for_a_day(maker, auditor, long):
    many(3)
    taken_out(maker, LedgerLine)
    job = ExportJob.objects.get()
    write_to_the_end(job)
    url = f"/admin/office/exportjob/{job.pk}/file/"

    assert auditor.get(url).status_code == 404
    assert auditor.get(desk.page_of(job)).status_code == 302
    assert maker.get(url).status_code == 200
    assert not export.drop(job_id=job.pk, now=timezone.now() + timedelta(hours=23))
    assert export.drop(job_id=job.pk, now=timezone.now() + timedelta(hours=25))
    assert maker.get(url).status_code == 404
    assert not export.file_of(job).exists()


def test_who_lost_his_role_gets_no_file(maker, long):
    many(3)
    taken_out(maker, LedgerLine)
    job = ExportJob.objects.get()
    maker.user.groups.clear()

    export.write(job_id=job.pk, now=timezone.now())

    job.refresh_from_db()
    assert job.state == ExportJob.State.FAILED
    assert maker.get(f"/admin/office/exportjob/{job.pk}/file/").status_code == 404


def test_a_sheet_keeps_what_xml_could_not(tmp_path):
    columns = [
        Column("甲", lambda row: row, "text"),
        Column("b", lambda row: Decimal("1.10"), "money"),
    ]
    part, book = tmp_path / "part", tmp_path / "book.xlsx"
    texts = ["<&>\"'", "a\x00b\x1fc", "  spaces  ", "红包 🧧", "x" * 40_000]
    kept = ["<&>\"'", "abc", "  spaces  ", "红包 🧧", "x" * 32_767]

    part.write_bytes(sheets.xlsx_rows(columns, texts, 2))
    sheets.xlsx(book, columns, "a/b:c*[d]?", [part])

    rows = list(openpyxl.load_workbook(book).active.values)
    assert rows == [("甲", "b"), *((text, 1.1) for text in kept)]
