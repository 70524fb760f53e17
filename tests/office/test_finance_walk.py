"""Finance's day in a real browser: the maker proposes, the checker decides, the auditor looks."""

import openpyxl
import pytest
from django.utils import timezone

from office import roles
from packets.models import RefundReview
from packets.states import ReviewState
from testing import desk
from tests.office import books
from wallets.models import Adjustment, LedgerLine, Wallet
from wallets.states import AdjustmentStatus

pytest.importorskip("playwright")
from playwright.sync_api import expect

from testing.browser import Watch, overflow, server

PHONE = {"width": 390, "height": 844}


@pytest.mark.once
def test_finances_day(browser, tmp_path):
    users = {role: desk.account(role) for role in (roles.MAKER, roles.CHECKER, roles.AUDITOR)}
    kept = books.keep(users[roles.MAKER], timezone.now())
    watch = Watch()

    with server() as base:

        def sit_down(role):
            context = watch.over(browser.new_context(viewport=PHONE, locale="en-GB"))
            page = context.new_page()
            page.goto(f"{base}/admin/")
            page.get_by_label("Username").fill(users[role].username)
            page.get_by_label("Password").fill(desk.PASSWORD)
            page.get_by_label("One-time code").fill(desk.code(users[role]))
            page.get_by_role("button", name="Log in").click()
            return page

        page = sit_down(roles.MAKER)
        page.get_by_role("link", name="refunds to review").click()
        expect(page.locator("#result_list tbody tr")).to_have_count(3)
        for box in page.locator("#result_list .action-select").all()[:2]:
            box.check()
        page.locator("select[name=action]").select_option("mark_reviewed")
        page.get_by_role("button", name="Go").click()
        page.get_by_role("button", name="Mark reviewed").click()
        expect(page.locator(".messagelist .success")).to_contain_text("done for 2")
        assert RefundReview.objects.filter(state=ReviewState.REVIEWED).count() == 3
        assert overflow(page) == 0
        page.goto(f"{base}{desk.page_of(Wallet.objects.get(pk='u2'))}")
        page.get_by_role("link", name="Propose an adjustment").click()
        page.locator("#id_amount").fill("3.21")
        page.locator("#id_reason").fill("promised by support")
        page.get_by_role("button", name="Look at it first").click()
        expect(page.locator(".previews")).to_contain_text("3.21 yuan go from our own money")
        page.get_by_role("button", name="Propose an adjustment").click()
        expect(page.locator(".warned")).to_contain_text("another person has to decide")
        assert page.get_by_role("link", name="Approve").count() == 0
        page.context.close()

        page = sit_down(roles.CHECKER)
        page.get_by_role("link", name="adjustments to decide").click()
        row = Adjustment.objects.latest("pk")
        page.get_by_role("link", name=row.reference).click()
        page.get_by_role("link", name="Approve").click()
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".messagelist .success")).to_contain_text("done")
        page.goto(f"{base}{desk.page_of(row)}")  # the next one that waits has opened by itself
        expect(page.locator("#eyes")).to_contain_text("finance-checker")
        expect(page.locator("#eyes")).to_contain_text("finance-maker")
        row.refresh_from_db()
        assert row.status == AdjustmentStatus.APPROVED
        assert overflow(page) == 0
        page.context.close()

        page = sit_down(roles.AUDITOR)
        expect(page.locator("figure.chart")).to_have_count(3)
        assert overflow(page) == 0
        page.goto(f"{base}{desk.page_of(kept.day)}")
        assert "0.00" in page.locator("#held tr").last.inner_text()
        page.goto(f"{base}{desk.list_of(LedgerLine)}")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export XLSX").click()
        book = openpyxl.load_workbook(_saved(download.value, tmp_path / "lines.xlsx"))
        assert book.active.max_row == LedgerLine.objects.count() + 1
        page.context.close()

    assert watch.left == []
    assert watch.errors == []


def _saved(download, path):
    download.save_as(path)
    return path
