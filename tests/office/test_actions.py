"""Acting: a preview, a reason, the verb that everybody calls, a row that commits with it."""

import re
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from kit.http.caller import Caller
from office import roles
from office.frame import staff
from office.frame.actions import BULK_MAX
from office.models import StaffAction
from packets import freeze
from packets.models import RedPacket
from packets.states import Kind
from payments import order
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseStatus, OrderStatus
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing import desk, make, stories
from testing.make import make_topup
from wallets.models import Wallet
from wallets.statement import balance


def noted() -> list[tuple[str, str, str, str]]:
    rows = StaffAction.objects.order_by("pk")
    return [(row.user.username, row.action, row.subject, row.reason) for row in rows]


def assert_nothing_was_done(packet) -> None:
    packet.refresh_from_db()
    assert not packet.is_frozen
    assert noted() == []


def test_freezing_a_packet_shows_asks_acts_and_notes(support):
    packet = make.make_paid_packet()

    shown = support.get(desk.act_url(packet, "freeze_packet"), {"pk": packet.pk})
    answer = support.act(packet, "freeze_packet", "reported as a scam")

    assert "no grab, no settlement, no refund" in shown.content.decode()
    assert answer.headers["Location"] == desk.page_of(packet)
    packet.refresh_from_db()
    assert (packet.is_frozen, packet.frozen_reason) == (True, "reported as a scam")
    assert noted() == [("support", "freeze_packet", packet.public_id, "reported as a scam")]
    assert StaffAction.objects.get().ip == "127.0.0.1"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == (str(packet.pk), support.user)


def test_looking_changes_nothing(support):
    packet = make.make_paid_packet()

    support.get(desk.act_url(packet, "freeze_packet"), {"pk": packet.pk, "reason": "by address"})
    support.get(desk.act_url(packet, "freeze_packet"), {"pk": packet.pk, "seen": "x"})

    assert_nothing_was_done(packet)


@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 256])
def test_a_reason_is_needed(support, reason):
    packet = make.make_paid_packet()

    answer = support.act(packet, "freeze_packet", reason)

    assert answer.status_code == 200
    assert_nothing_was_done(packet)


def test_a_double_submit_acts_once(support):
    packet = make.make_paid_packet()
    url = desk.act_url(packet, "freeze_packet")
    seen = desk.seen(support.get(url, {"pk": packet.pk}))
    body = {"pk": packet.pk, "seen": seen, "reason": "twice in a row"}

    first, second = support.post(url, body), support.post(url, body, follow=True)

    assert first.status_code == 302
    assert "frozen already" in second.content.decode()
    assert len(noted()) == 1


def test_two_who_act_at_once_leave_one_note(support):
    """The other's freeze commits between this one's check and its verb: the WHERE decides."""
    packet = make.make_paid_packet()
    freeze_it = freeze.freeze
    with patch(
        "office.pages.packets.acts.freeze.freeze", lambda **kwargs: late(freeze_it, packet, kwargs)
    ):
        answer = support.act(packet, "freeze_packet", "this one")

    assert answer.status_code == 302
    packet.refresh_from_db()
    assert packet.frozen_reason == "the other"
    assert noted() == []


def test_two_who_act_at_once_leave_one_note_without_the_guard(support):
    """The twin: a note that does not mind what the verb answered claims what another did."""
    packet = make.make_paid_packet()
    freeze_it, keep = freeze.freeze, staff.Note.keep
    with (
        patch(
            "office.pages.packets.acts.freeze.freeze",
            lambda **kwargs: late(freeze_it, packet, kwargs),
        ),
        patch.object(staff.Note, "keep", lambda note, result: keep(note, True)),
    ):
        support.act(packet, "freeze_packet", "this one")

    packet.refresh_from_db()
    assert packet.frozen_reason == "the other"
    assert [reason for *_, reason in noted()] == ["this one"]


def late(freeze_it, packet, kwargs):
    freeze_it(public_id=packet.public_id, reason="the other", now=timezone.now())
    return freeze_it(**kwargs)


def test_a_stale_preview_is_shown_again(support):
    packet = make.make_expired_packet(Kind.EQUAL, 4, "5.00")
    url = desk.act_url(packet, "refund_now")
    seen = desk.seen(support.get(url, {"pk": packet.pk}))
    stories.take(packet, "u1", packet.pay_time + timedelta(minutes=1))

    answer = support.post(url, {"pk": packet.pk, "seen": seen, "reason": "wants it back"})

    assert "Something has changed in the meantime" in answer.content.decode()
    assert "15.00 yuan go back" in answer.content.decode()
    assert balance("alice").balance == Decimal("0.00")
    assert noted() == []


def test_the_note_commits_with_the_work_or_not_at_all(support):
    packet = make.make_paid_packet()

    with patch("office.frame.staff.LogEntry.objects.log_actions", side_effect=OSError):
        answer = support.act(packet, "freeze_packet", "will not be noted")

    assert answer.status_code == 500
    assert_nothing_was_done(packet)


def test_forgers_of_requests_are_refused(support):
    packet = make.make_paid_packet()
    forger = Client(enforce_csrf_checks=True, raise_request_exception=False)
    forger.cookies = support.cookies
    url = desk.act_url(packet, "freeze_packet")
    seen = desk.seen(forger.get(url, {"pk": packet.pk}))

    answer = forger.post(url, {"pk": packet.pk, "seen": seen, "reason": "not me"})

    assert seen
    assert answer.status_code == 403
    packet.refresh_from_db()
    assert not packet.is_frozen


def test_refund_now_is_the_sweeps_own_refund(support):
    packet = make.make_expired_packet(Kind.EQUAL, 4, "5.00")

    answer = support.act(packet, "refund_now", "asked for it")

    assert answer.status_code == 302
    packet.refresh_from_db()
    assert packet.return_money == Decimal("20.00")
    assert balance("alice").balance == Decimal("20.00")
    assert noted() == [("support", "refund_now", packet.public_id, "asked for it")]


@pytest.mark.parametrize("state", ["open", "refunded", "frozen", "draft"])
def test_refund_now_never_comes_early_or_twice(support, state):
    if state == "draft":
        packet = make.make_packet(Kind.EQUAL, 4, "5.00")
    elif state == "open":
        packet = make.make_paid_packet(Kind.EQUAL, 4, "5.00")
    else:
        packet = make.make_expired_packet(Kind.EQUAL, 4, "5.00")
        support.act(packet, "refund_now" if state == "refunded" else "freeze_packet")
    before, notes = balance("alice").balance, len(noted())

    answer = support.post(
        desk.act_url(packet, "refund_now"), {"pk": packet.pk, "seen": "x", "reason": "please"}
    )

    assert answer.status_code == 302
    assert (balance("alice").balance, len(noted())) == (before, notes)
    assert "refund_now" not in support.text(packet)


def test_wallets_freeze_in_bulk_with_one_reason(support):
    for user in ("a", "b", "c"):
        make.make_wallet(user, "1.00")
    support.act(Wallet.objects.get(pk="b"), "freeze_wallet", "before")
    chosen = {"action": "freeze_wallet", "_selected_action": ["a", "b", "c"], "index": 0}

    to_page = support.post(desk.list_of(Wallet), chosen)
    shown = support.get(to_page.headers["Location"])
    answer = support.post(
        desk.act_url(Wallet, "freeze_wallet"),
        {"pk": ["a", "b", "c"], "seen": desk.seen(shown), "reason": "one gang"},
    )

    assert shown.content.decode().count('name="pk"') == 3
    assert answer.headers["Location"] == desk.list_of(Wallet)
    reasons = Wallet.objects.order_by("pk").values_list("frozen_reason", flat=True)
    assert list(reasons) == ["one gang", "before", "one gang"]
    assert [row[2] for row in noted()] == ["b", "a", "c"]


def test_a_wallet_that_never_was_can_be_frozen(support):
    wallet = Wallet(user_id="newcomer")

    assert support.act(wallet, "freeze_wallet", "known from elsewhere").status_code == 302
    assert balance("newcomer").is_frozen


@pytest.mark.parametrize(
    ("name", "pk"), [("freeze_packet", "999"), ("freeze_packet", "x"), ("nothing", "1"), ("a", "")]
)
def test_what_is_not_there_is_a_404(support, name, pk):
    assert support.get(desk.act_url(RedPacket, name), {"pk": pk}).status_code == 404
    assert support.post(desk.act_url(RedPacket, name), {"pk": pk}).status_code == 404


def test_no_more_at_once_than_somebody_reads(support):
    for number in range(BULK_MAX + 2):
        make.make_wallet(f"w{number:03}", "1.00")
    query = [f"w{number:03}" for number in range(BULK_MAX + 2)]

    shown = support.get(desk.act_url(Wallet, "freeze_wallet"), {"pk": query})

    assert shown.content.decode().count('name="pk"') == BULK_MAX


def test_a_case_is_resolved_with_what_was_done(maker, checker, support):
    _, case = stories.topped_up_twice(timezone.now())
    body = {"pk": case.pk, "seen": "x", "reason": "before its money has left"}

    refused = support.act(case, "resolve_case", "not mine to say")
    early = maker.post(desk.act_url(case, "resolve_case"), body, follow=True)
    assert checker.act(ChannelRefund.objects.get(), "approve_refund").status_code == 302
    answer = maker.act(case, "resolve_case", "sent back through the channel")

    assert refused.status_code == 403
    assert "still in suspense" in early.content.decode()
    assert answer.status_code == 302
    case = Case.objects.get()
    assert (case.status, case.resolved_by) == (CaseStatus.RESOLVED, maker.user)
    assert case.resolution == "sent back through the channel"
    assert "sent back through the channel" in maker.text(case)


def test_what_bears_a_number_alone_is_told_with_its_kind_and_leads_to_its_page(maker, auditor):
    _, case = stories.topped_up_twice(timezone.now())
    maker.act(case, "take_case")

    on_the_desk = maker.get("/admin/").content.decode()
    listed = auditor.get(desk.list_of(StaffAction)).content.decode()

    assert f'<a href="{desk.page_of(case)}">case {case.pk}</a>' in on_the_desk
    assert f"case {case.pk}</td>" in listed


def test_a_list_says_that_nobody_but_the_product_proposed(checker):
    stories.topped_up_twice(timezone.now())

    listed = checker.get(desk.list_of(ChannelRefund)).content.decode()

    assert re.search(r'class="field-maker[^>]*>system<', listed)


def make_order() -> PaymentOrder:
    made = make_topup(key="k1")
    return order.report(
        order_no=made.order_no, caller=Caller("bob"), result=None, now=timezone.now()
    )


def test_the_channel_is_asked_and_its_word_counts(support, alipay):  # noqa: F811
    asked = make_order()
    alipay.pay(asked)

    answer = support.act(asked, "ask_channel", "he swears that he paid")

    assert answer.status_code == 302
    asked.refresh_from_db()
    assert asked.status == OrderStatus.CONFIRMED
    assert balance("bob").balance == Decimal("50.00")
    assert noted() == [("support", "ask_channel", asked.order_no, "he swears that he paid")]
    assert alipay.calls == ["create", "query"]
    assert "ask_channel" not in support.text(asked)


def test_a_silent_channel_changes_nothing(support, alipay):  # noqa: F811
    asked = make_order()
    alipay.is_down = True

    answer = support.act(asked, "ask_channel", "he swears that he paid")

    page = support.get(answer.headers["Location"]).content.decode()
    assert "not paid yet, or it did not answer" in page
    asked.refresh_from_db()
    assert asked.status == OrderStatus.REPORTED


def test_each_action_has_a_permission_that_some_role_holds():
    from django.contrib import admin

    granted = {act for _, acts in roles.ROLES.values() for act in acts}
    for model_admin in admin.site._registry.values():
        for action in getattr(model_admin, "acts", ()):
            assert action.permission in granted, action.name


def test_each_key_is_one_letter_and_no_two_on_a_page_are_the_same():
    from django.contrib import admin

    for model_admin in admin.site._registry.values():
        keys = [action.key for action in getattr(model_admin, "acts", ()) if action.key]

        assert all(isinstance(key, str) and len(key) == 1 for key in keys), (model_admin, keys)
        assert len(keys) == len(set(keys)), (model_admin, keys)


def test_settling_now_credits_what_is_owed_and_nothing_before_the_money_came(support):
    packet, paid_by = make.make_reported_packet(Kind.EQUAL, 3, "5.00")
    stories.take(packet, "u1", timezone.now())

    body = {"pk": packet.pk, "seen": "x", "reason": "he waits for it"}
    early = support.post(desk.act_url(packet, "settle_now"), body, follow=True)
    make.confirm(paid_by, timezone.now())
    shown = support.get(desk.act_url(packet, "settle_now"), {"pk": packet.pk})
    answer = support.act(packet, "settle_now", "he still waits for it")

    assert "Only a paid packet can be settled." in early.content.decode()
    assert "1 taken share is credited: 5.00 yuan." in shown.content.decode()
    assert answer.status_code == 302
    assert balance("u1").balance == Decimal("5.00")
    assert noted() == [("support", "settle_now", packet.public_id, "he still waits for it")]
    assert "settle_now" not in support.text(packet)


@pytest.mark.parametrize("role", [roles.SUPPORT, roles.MAKER, roles.CHECKER])
def test_whoever_may_ask_books_what_was_paid_for_an_ended_order(role, alipay):  # noqa: F811
    asked = make_order()
    order.end(order_id=asked.pk, to=OrderStatus.UNPAID, now=timezone.now())
    alipay.pay(asked)
    person = desk.staff(role)

    assert person.act(asked, "ask_channel", "the bill has it").status_code == 302

    asked.refresh_from_db()
    assert asked.status == OrderStatus.CONFIRMED
    assert balance("bob").balance == Decimal("50.00")
