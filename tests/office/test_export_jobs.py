"""A long export: written a step at a time, in small parts, for its owner and for a day."""

import io
import zlib
from datetime import timedelta

import openpyxl
import pytest
from django.utils import timezone

from kit import lease
from office.export import jobs as export
from office.export import rows, sheets
from office.export.files import FORMATS
from office.models import ExportJob, ExportPart, StaffAction
from testing import desk
from testing.forks import die_before_statement, in_threads, killed
from testing.guards import without_the_fence
from tests.office.exports import (
    about_of,
    begun,
    many,
    read_csv,
    read_xlsx,
    rows_of,
    taken_out,
    write_to_the_end,
    written,
)
from wallets.models import LedgerLine


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


def targets(job: ExportJob) -> list[str]:
    return [row["target"].removeprefix("the wallet of ") for row in rows_of(written(job))]


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
