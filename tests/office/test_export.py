"""Any list as filtered, as a file that Excel and WPS open rightly and nothing in it runs."""

import csv
import io
import json
import zipfile
import zlib
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.utils import timezone

from kit import lease, replica
from office.export import jobs as export
from office.export import rows, sheets
from office.export.files import FORMATS, Xlsx
from office.export.sheets import Column
from office.models import ExportJob, ExportPart, StaffAction
from packets.models import RedPacket
from packets.states import Kind
from testing import desk, make
from testing.forks import die_before_statement, in_threads, killed
from testing.guards import without_the_fence
from tests.office import books
from wallets import freeze
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind


def taken_out(sitting, model, format: str = "csv", query: str = "", **headers):
    return sitting.post(f"{desk.list_of(model)}export/{query}", {"format": format}, headers=headers)


def read_csv(answer) -> list[dict]:
    content = b"".join(answer)
    assert content.startswith(b"\xef\xbb\xbf")
    return rows_of(content)


def rows_of(content: bytes) -> list[dict]:
    table, _empty, _about = content.decode("utf-8-sig").partition("\r\n\r\n")
    return list(csv.DictReader(io.StringIO(table)))


def about_of(content: bytes, format: str) -> dict:
    """What a file says of itself."""
    if format == "xlsx":
        return dict(openpyxl.load_workbook(io.BytesIO(content)).worksheets[-1].values)
    foot = content.decode("utf-8-sig").partition("\r\n\r\n")[2]
    return dict(line[0].split(": ", 1) for line in csv.reader(io.StringIO(foot)))


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
        Wallet: ("is_frozen__exact=1", "已冻结: 是"),
        LedgerLine: ("source__of=wallets&booked_on__day=2026-11-01", "账户（某日）: 钱包"),
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
    monkeypatch.setattr(rows, "PAGE", 2)
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


def written(job: ExportJob) -> bytes:
    return b"".join(export.download(job))


def targets(job: ExportJob) -> list[str]:
    return [row["target"].removeprefix("the wallet of ") for row in rows_of(written(job))]


def begun(sitting, format: str = "csv", number: int = 7) -> ExportJob:
    many(number)
    taken_out(sitting, LedgerLine, format)
    return ExportJob.objects.get()


def test_its_parts_are_small_and_together_what_is_downloaded(maker, long, monkeypatch):
    monkeypatch.setattr(export, "PART", 10)
    job = begun(maker)

    write_to_the_end(job)
    file = maker.get(f"/admin/office/exportjob/{job.pk}/file/")

    content = b"".join(file.streaming_content)
    assert len(content) == job.size == int(file.headers["Content-Length"])
    parts = [len(zlib.decompress(part.body)) for part in ExportPart.objects.order_by("number")]
    assert max(parts) == 10
    assert (len(parts), sum(parts)) == (job.parts, job.size)
    assert job.stored == sum(len(part.body) for part in ExportPart.objects.all())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", [0, 2])
def test_written_in_steps_it_is_what_it_is_at_once(maker, long, monkeypatch, format, number):
    job = begun(maker, format, 5)
    if number == 0:  # the rows have gone meanwhile
        monkeypatch.setattr(export, "pages", lambda *args: iter(()))
    write_to_the_end(job)
    monkeypatch.setattr(export, "DIRECT", 5_000)

    at_once = b"".join(taken_out(maker, LedgerLine, format))

    if format == "csv":
        table, _, _foot = written(job).partition(b"\r\n\r\n")
        assert table == at_once.partition(b"\r\n\r\n")[0]
    else:
        assert read_xlsx([written(job)]) == read_xlsx([at_once])
        assert len(read_xlsx([at_once])) == (6 if number else 1)
    told = [about_of(content, format) for content in (written(job), at_once)]
    assert [each.pop("asked for at") is not None for each in told] == [True, True]
    assert told[0] == told[1]


@pytest.mark.parametrize("statement", range(2, 40, 5))
def test_killed_before_any_statement_it_goes_on_and_no_row_is_twice(maker, long, statement):
    """Whichever it is: what a page's transaction had begun is not there."""
    job = begun(maker, number=5)

    def works():
        die_before_statement(statement)
        while export.write(job_id=job.pk, now=timezone.now()):
            pass

    killed(works)
    later = timezone.now() + timedelta(seconds=export.LEASE_S + 1)
    while export.write(job_id=job.pk, now=later):
        pass

    job.refresh_from_db()
    assert (job.state, job.rows) == (ExportJob.State.DONE, 5)
    assert targets(job) == ["w04", "w03", "w02", "w01", "w00"]


def test_a_job_that_a_worker_of_before_began_in_a_folder_begins_anew(maker, long):
    job = begun(maker)
    ExportJob.objects.update(rows=4, last=str(LedgerLine.objects.order_by("pk")[3].pk), size=99)

    write_to_the_end(job)

    assert (job.rows, len(targets(job))) == (7, 7)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("most", "in_it"), [(5, 5), (6, 6), (7, 7), (8, 7)])
def test_no_export_is_longer_than_it_may_be_and_says_so(
    maker, long, monkeypatch, format, most, in_it
):
    monkeypatch.setattr(export, "ROWS_MOST", most)
    job = begun(maker, format)

    write_to_the_end(job)

    assert (job.rows, job.is_cut) == (in_it, in_it < 7)
    page, file = maker.text(job), maker.get(f"/admin/office/exportjob/{job.pk}/file/")
    assert (f"holds the first {most} rows" in page) is job.is_cut
    assert (f"Those behind row {job.last} were left out" in page) is job.is_cut
    assert (f"-first-{most}-rows.{format}" in file.headers["Content-Disposition"]) is job.is_cut


def test_nor_does_it_take_more_of_the_database(maker, long, monkeypatch):
    monkeypatch.setattr(export, "STORED_MOST", 1)
    job = begun(maker)

    write_to_the_end(job)

    assert (job.rows, job.is_cut, targets(job)) == (2, True, ["w06", "w05"])


def test_nobody_has_more_than_so_many(maker, auditor, long, monkeypatch):
    monkeypatch.setattr(export, "JOBS_MOST", 2)
    many(3)
    for _ in range(2):
        taken_out(maker, LedgerLine)

    refused = taken_out(maker, LedgerLine)

    assert refused.headers["Location"] == desk.list_of(ExportJob)
    assert "You have 2 exports already" in maker.get(desk.list_of(ExportJob)).content.decode()
    assert ExportJob.objects.count() == 2
    taken_out(auditor, LedgerLine)
    assert ExportJob.objects.count() == 3
    ExportJob.objects.filter(user=maker.user).update(state=ExportJob.State.GONE)
    taken_out(maker, LedgerLine)
    assert ExportJob.objects.count() == 4


def test_two_workers_write_one_file(maker, long):
    job = begun(maker)
    now = timezone.now()
    lease.take(ExportJob.objects.all(), job.pk, now=now, for_s=export.LEASE_S)

    assert not export.write(job_id=job.pk, now=now)
    job.refresh_from_db()
    assert job.rows == 0


def stopped_for_longer_than_its_lease(job: ExportJob, monkeypatch) -> None:
    """A worker stops before each page that it has read; meanwhile another one writes it all."""
    now, read = timezone.now(), rows.pages
    later = now + timedelta(seconds=export.LEASE_S + 1)

    def stopped(*args):
        for page in read(*args):
            monkeypatch.setattr(export, "pages", read)
            while export.write(job_id=job.pk, now=later):
                pass
            yield page

    monkeypatch.setattr(export, "pages", stopped)
    monkeypatch.setattr(export, "STEP_S", 60)
    assert not export.write(job_id=job.pk, now=now)
    job.refresh_from_db()


def test_a_stopped_worker_appends_nothing_once_another_has_taken_over(maker, long, monkeypatch):
    job = begun(maker)

    stopped_for_longer_than_its_lease(job, monkeypatch)

    assert (job.state, job.rows) == (ExportJob.State.DONE, 7)
    assert targets(job) == [f"w{number:02}" for number in range(6, -1, -1)]


def test_a_stopped_worker_spoils_the_file_without_the_fence(maker, long, monkeypatch):
    without_the_fence(monkeypatch)
    job = begun(maker)

    stopped_for_longer_than_its_lease(job, monkeypatch)

    assert job.state == ExportJob.State.FAILED
    assert not ExportPart.objects.exists(), "what the other one had written to its end"


def test_workers_at_once_write_one_file(maker, long, monkeypatch):
    job = begun(maker)
    monkeypatch.setattr(export, "STEP_S", 60)
    now = timezone.now()

    in_threads([lambda: export.write(job_id=job.pk, now=now)] * 4)

    job.refresh_from_db()
    assert (job.state, len(targets(job))) == (ExportJob.State.DONE, 7)


def test_more_rows_than_a_sheet_holds_go_on_in_another(maker, long, monkeypatch):
    monkeypatch.setattr(sheets, "SHEET_ROWS", 3)
    job = begun(maker, "xlsx")

    write_to_the_end(job)

    book = openpyxl.load_workbook(io.BytesIO(written(job)))
    *sheets_of_rows, about = book.worksheets
    assert [sheet.max_row for sheet in sheets_of_rows] == [4, 4, 2]
    assert about.title == "About"
    column = [cell.value for cell in book.worksheets[0][1]].index("target")
    rows = [row[column].value for sheet in sheets_of_rows for row in list(sheet)[1:]]
    assert rows == [f"the wallet of w{number:02}" for number in range(6, -1, -1)]


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
    assert not ExportPart.objects.exists()
    job.refresh_from_db()
    assert job.state == ExportJob.State.GONE


def test_a_removal_that_was_cut_short_comes_round_again(maker, long, monkeypatch):
    monkeypatch.setattr(export, "DROPPED_AT_ONCE", 1)
    job, later = begun(maker), timezone.now() + timedelta(hours=25)
    write_to_the_end(job)

    def removes():
        die_before_statement(9)  # after some of the parts
        export.drop(job_id=job.pk, now=later)

    assert killed(removes)
    assert 0 < ExportPart.objects.count() < job.parts
    assert export.drop(job_id=job.pk, now=later)
    assert not ExportPart.objects.exists()


def test_who_lost_his_role_gets_no_file(maker, long):
    many(3)
    taken_out(maker, LedgerLine)
    job = ExportJob.objects.get()
    maker.user.groups.clear()

    export.write(job_id=job.pk, now=timezone.now())

    job.refresh_from_db()
    assert job.state == ExportJob.State.FAILED
    assert maker.get(f"/admin/office/exportjob/{job.pk}/file/").status_code == 404


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
