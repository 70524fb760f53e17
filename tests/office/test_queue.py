"""Queues that flow: buttons in each row, the next one opens by itself, filters and place stay."""

import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.utils import timezone

from office.frame import queue
from packets.models import RefundReview
from packets.states import ReviewState
from payments.models import Case
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing import desk, stories
from tests.office.test_review import refunded

OPEN = "state__exact=0"


def buttons(page: str) -> list[str]:
    found = re.findall(r'<a class="act[^"]*" href="([^"]+)"', page)
    return [url.replace("&amp;", "&") for url in found]


def press(sitting, url: str, reason: str = "a good reason"):
    """The action's page, and its button."""
    shown = sitting.get(url)
    assert shown.status_code == 200, shown.headers
    pk = parse_qs(urlsplit(url).query)["pk"]
    return sitting.post(url, {"pk": pk, "seen": desk.seen(shown), "reason": reason})


def row_buttons(sitting, query: str = OPEN) -> list[str]:
    page = sitting.get(f"{desk.list_of(RefundReview)}?{query}").content.decode()
    return [url for url in buttons(page) if "/do/" in url]


def test_each_row_has_the_buttons_of_whoever_may(maker, auditor):
    row = refunded()

    found = row_buttons(maker)

    assert {url.partition("?")[0].rsplit("/", 2)[1] for url in found} == {
        "mark_reviewed",
        "dispute_refund",
    }
    assert all(f"pk={row.pk}&" in url and quote(OPEN, safe="") in url for url in found)
    assert row_buttons(auditor) == []


def test_the_next_one_opens_by_itself_and_the_list_at_last(maker):
    rows = [refunded(sender=f"s{n}") for n in range(3)]
    newest, middle, oldest = (desk.page_of(row) for row in reversed(rows))
    keeping = f"?{queue.KEPT}={quote(OPEN, safe='')}"

    first = press(maker, next(u for u in row_buttons(maker) if f"pk={rows[1].pk}&" in u))
    assert first.headers["Location"] == oldest + keeping  # behind the middle one
    page = maker.get(first.headers["Location"]).content.decode()
    second = press(maker, next(u for u in buttons(page) if "mark_reviewed" in u))
    assert second.headers["Location"] == newest + keeping  # from the end to the beginning
    page = maker.get(second.headers["Location"]).content.decode()
    last = press(maker, next(u for u in buttons(page) if "dispute_refund" in u))

    assert last.headers["Location"] == f"{desk.list_of(RefundReview)}?{OPEN}"
    assert "Nothing more waits here." in maker.get(last.headers["Location"]).content.decode()
    assert middle and not RefundReview.objects.filter(state=ReviewState.OPEN).exists()


def test_who_comes_from_no_list_stays_on_the_page(maker):
    rows = [refunded(sender=f"s{n}") for n in range(2)]

    answer = maker.act(rows[0], "mark_reviewed")

    assert answer.headers["Location"] == desk.page_of(rows[0])


def test_many_at_once_lead_back_to_the_list_as_it_was(maker):
    rows = [refunded(sender=f"s{n}") for n in range(3)]
    query = f"{OPEN}&p=1"
    url, keys = f"{desk.list_of(RefundReview)}?{query}", [row.pk for row in rows]
    chosen = maker.post(url, {"action": "mark_reviewed", "_selected_action": keys})
    shown = maker.get(chosen.headers["Location"])

    body = {"pk": keys, "seen": desk.seen(shown), "reason": ""}
    answer = maker.post(chosen.headers["Location"], body)

    assert answer.headers["Location"] == f"{desk.list_of(RefundReview)}?{query}"
    assert "3 of them, 30.00 yuan together." in shown.content.decode()


def test_a_page_leads_to_those_before_and_behind(maker):
    rows = [refunded(sender=f"s{n}") for n in range(3)]
    query = f"?{queue.KEPT}={quote(OPEN, safe='')}"

    page = maker.get(desk.page_of(rows[1]) + query).content.decode()
    without = maker.get(desk.page_of(rows[1])).content.decode()

    ways = dict(re.findall(r'href="([^"]+)" data-go="(\w+)"', page))
    by_word = {word: url for url, word in ways.items()}
    assert by_word["next"] == desk.page_of(rows[0]) + query
    assert by_word["previous"] == desk.page_of(rows[2]) + query
    assert by_word["list"] == f"{desk.list_of(RefundReview)}?{OPEN}"
    assert 'data-go="next"' not in without


@pytest.mark.parametrize(
    "kept", ["", "x=1", "state__exact=x", "p=999", "before=x", "%00", "a" * 3000]
)
def test_a_bad_list_is_no_error(maker, kept):
    row = refunded()

    answer = maker.get(desk.page_of(row), {queue.KEPT: kept})

    assert answer.status_code == 200
    asked = {"pk": row.pk, queue.KEPT: kept}
    assert maker.get(desk.act_url(row, "mark_reviewed"), asked).status_code == 200


def test_nobody_is_led_out_of_the_house(maker):
    row = refunded()
    kept = quote("//evil.example/?a=b")

    answer = press(maker, f"{desk.act_url(row, 'mark_reviewed')}?pk={row.pk}&{queue.KEPT}={kept}")

    assert answer.headers["Location"].startswith(desk.list_of(RefundReview))


def test_a_case_is_taken_and_laid_down(maker, checker, alipay):  # noqa: F811
    _order, case = stories.topped_up_twice(timezone.now())

    maker.act(case, "take_case")
    mine = maker.get(desk.list_of(Case), {"owner_is": "mine"}).context["cl"].result_list
    theirs = checker.get(desk.list_of(Case), {"owner_is": "mine"}).context["cl"].result_list
    nobodys = checker.get(desk.list_of(Case), {"owner_is": "nobody"}).context["cl"].result_list

    assert [each.pk for each in mine] == [case.pk] and not theirs and not nobodys
    assert "finance-maker" in checker.text(case)
    checker.act(case, "take_case")
    case.refresh_from_db()
    assert case.owner == checker.user
    assert maker.act(case, "leave_case").status_code == 403
    checker.act(case, "leave_case")
    case.refresh_from_db()
    assert case.owner is None
