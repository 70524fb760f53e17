"""Every action and every form of the back office, done to its end in both languages: the page that
comes next says so. What is new here fails until it has its way to success below."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from office import roles
from office.accounts import changes, tries
from office.frame.proposals import url_of
from office.models import AccountChange, Tries
from packets import freeze, refund, review
from packets.models import RefundReview
from packets.states import Kind, ReviewState
from payments import bills, channel_refund, own_case, reconcile, send_refund
from payments.channels import registry
from payments.channels.base import RefundState
from payments.models import Bill, Case, ChannelRefund
from payments.states import CaseKind, PayType
from payments.tests import test_reconcile as tr
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing import desk, make, stories
from tests.office import books
from tests.office.test_actions import make_order
from tests.office.test_four_eyes import FORM
from wallets import adjust
from wallets import freeze as wallet_freeze
from wallets.models import Adjustment, Wallet

NOW = timezone.now
YESTERDAY = (timezone.now() - timedelta(days=2)).date()


def everything() -> dict[str, tuple]:
    """name -> (model, action or form), of all lists."""
    return {
        thing.name: (model, thing)
        for model, model_admin in admin.site._registry.items()
        for kind in ("acts", "proposals")
        for thing in getattr(model_admin, kind, ())
    }


def wallet(is_frozen: bool = False) -> Wallet:
    make.make_wallet("bob", "1.00")
    if is_frozen:
        wallet_freeze.freeze(user_id="bob", reason="because", now=NOW())
    return Wallet.objects.get(pk="bob")


def frozen_packet():
    packet = make.make_paid_packet()
    freeze.freeze(public_id=packet.public_id, reason="because", now=NOW())
    return packet


def owing_packet():
    packet, paid_by = make.make_reported_packet(Kind.EQUAL, 3, "5.00")
    stories.take(packet, "u1", NOW())
    make.confirm(paid_by, NOW())
    return packet


def refunded(state: ReviewState | None = None) -> RefundReview:
    packet = make.make_expired_packet(Kind.EQUAL, 2, "5.00")
    refund.refund_expired(rp_id=packet.pk, now=NOW())
    row = RefundReview.objects.get()
    if state:
        staff = desk.account(roles.MAKER, "somebody")
        review.decide(review_id=row.pk, to=state, staff_id=staff.pk, note="because", now=NOW())
    return row


def adjustment(maker_id: int | None = None) -> Adjustment:
    maker_id = maker_id or desk.account(roles.MAKER, "somebody").pk
    return adjust.propose(
        user_id="bob",
        amount=Decimal("1.00"),
        is_credit=True,
        other="platform",
        reason="because",
        maker_id=maker_id,
        now=NOW(),
    )


def rules_refund() -> ChannelRefund:
    stories.topped_up_twice(NOW())
    return ChannelRefund.objects.get()


def parked_refund() -> ChannelRefund:
    """Taken from us by the channel, which cannot give it to the payer."""
    refund = rules_refund()
    checker = desk.account(roles.CHECKER, "somebody")
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=NOW())
    registry.channel(PayType.ALIPAY).refunds = RefundState.PARKED
    refund.refresh_from_db()
    send_refund.send(refund_id=refund.pk, now=refund.chase_at)
    return refund


def own_refund(maker_id: int) -> ChannelRefund:
    order, _ = stories.topped_up_twice(NOW())
    wish = {"order_no": order.order_no, "amount": Decimal("1.00"), "reason": "because"}
    return channel_refund.propose(**wish, maker_id=maker_id, now=NOW())


def owned_case(owner_id: int) -> Case:
    case = empty_case()
    own_case.take(case_id=case.pk, staff_id=owner_id, seen_owner_id=None, now=NOW())
    return case


def empty_case() -> Case:
    refund = rules_refund()
    checker = desk.account(roles.CHECKER, "somebody")
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=NOW())
    return Case.objects.get()


def surplus() -> Case:
    content = bill_form()["file"].read()
    reconcile.reconcile(pay_type=PayType.WECHAT, day=YESTERDAY, content=content, now=NOW())
    return Case.objects.get()


def given_back() -> Case:
    """Made at the channel: its bill alone knows of it."""
    order, _ = stories.topped_up_twice(NOW())
    day = bills.day_of(PayType.ALIPAY, NOW())
    at = NOW().astimezone(bills.ZONE)
    content = tr.alipay([tr.Row(order.order_no, order.trade_no, "1.00", at, refund_no="C1")])
    reconcile.reconcile(pay_type=PayType.ALIPAY, day=day, content=content, now=NOW())
    return Case.objects.get(kind=CaseKind.BILL_SHORTFALL)


def used_tries() -> Tries:
    return Tries.objects.get(key=tries.take(username="bob", ip="192.0.2.1", now=NOW()).pair)


def account_change(maker_id: int | None = None) -> AccountChange:
    maker_id = maker_id or desk.account(roles.ACCOUNTS, "somebody").pk
    user = desk.account(roles.SUPPORT, "bob")
    about = {"kind": AccountChange.Kind.RESET, "user_id": user.pk, "reason": "because"}
    return changes.change(**about, maker_id=maker_id, now=NOW())


def account_form(**more) -> dict:
    desk.account(roles.SUPPORT, "bob")
    return {"username": "bob", "reason": "because"} | more


# action -> (who, the row that it is done to; given who does it)
ACTS = {
    "freeze_packet": (roles.SUPPORT, lambda me: make.make_paid_packet()),
    "unfreeze_packet": (roles.SUPPORT, lambda me: frozen_packet()),
    "refund_now": (roles.SUPPORT, lambda me: make.make_expired_packet(Kind.EQUAL, 2, "5.00")),
    "settle_now": (roles.SUPPORT, lambda me: owing_packet()),
    "mark_reviewed": (roles.MAKER, lambda me: refunded()),
    "dispute_refund": (roles.MAKER, lambda me: refunded()),
    "mark_settled": (roles.MAKER, lambda me: refunded(ReviewState.REVIEWED)),
    "freeze_wallet": (roles.SUPPORT, lambda me: wallet()),
    "unfreeze_wallet": (roles.SUPPORT, lambda me: wallet(is_frozen=True)),
    "approve_adjustment": (roles.CHECKER, lambda me: adjustment()),
    "reject_adjustment": (roles.CHECKER, lambda me: adjustment()),
    "withdraw_adjustment": (roles.MAKER, adjustment),
    "ask_channel": (roles.SUPPORT, lambda me: make_order()),
    "book_surplus": (roles.MAKER, lambda me: surplus()),
    "book_refund": (roles.MAKER, lambda me: given_back()),
    "take_case": (roles.MAKER, lambda me: empty_case()),
    "leave_case": (roles.MAKER, owned_case),
    "resolve_case": (roles.MAKER, lambda me: empty_case()),
    "approve_refund": (roles.CHECKER, lambda me: rules_refund()),
    "reject_refund": (roles.CHECKER, lambda me: rules_refund()),
    "withdraw_refund": (roles.MAKER, own_refund),
    "refund_was_paid": (roles.MAKER, lambda me: parked_refund()),
    "refund_came_back": (roles.MAKER, lambda me: parked_refund()),
    "unlock_login": (roles.ACCOUNTS, lambda me: used_tries()),
    "approve_account_change": (roles.ACCOUNTS, lambda me: account_change()),
    "reject_account_change": (roles.ACCOUNTS, lambda me: account_change()),
    "withdraw_account_change": (roles.ACCOUNTS, lambda me: account_change(me)),
}


def refund_form() -> dict:
    order, _ = stories.topped_up_twice(NOW())
    return {"order_no": order.order_no, "amount": "1.00", "reason": "because"}


def bill_form(name: str = "bill.csv") -> dict:
    content = books.wechat_bill((f"{YESTERDAY} 12:00:00", "42", "rp02", "5.20"))
    file = SimpleUploadedFile(name, content)
    return {"channel": PayType.WECHAT.value, "day": YESTERDAY.isoformat(), "file": file}


# form -> what is filled in
FORMS = {
    "propose_adjustment": lambda: FORM,
    "propose_refund": refund_form,
    "run_bill": bill_form,
    "upload_bill": bill_form,
    "propose_invitation": lambda: account_form(
        username="nora", full_name="Nora", email="", role=roles.AUDITOR
    ),
    "propose_role": lambda: account_form(role=roles.AUDITOR),
    "propose_reset": account_form,
    "propose_stop": account_form,
}


def test_everything_has_its_way_to_success():
    assert everything().keys() == ACTS.keys() | FORMS.keys()


def sit(role: str, language: str) -> desk.Desk:
    sitting = desk.staff(role, "me")
    sitting.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    return sitting


def said(answer, language: str) -> str:
    """The page's word of success."""
    text = answer.content.decode()
    assert answer.status_code == 200, answer.status_code
    assert f'lang="{language}"' in text and "%(" not in text
    assert '<li class="success">' in text
    return text.split('<li class="success">')[1].split("</li>")[0]


def title_of(thing, language: str) -> str:
    with translation.override(language):
        return str(thing.title)


# Words do not depend on the engine.
LANGUAGES = ["zh-hans", pytest.param("en", marks=pytest.mark.once)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ACTS)
def test_every_action_is_done_and_says_so(name, language, alipay):  # noqa: F811
    role, story = ACTS[name]
    sitting = sit(role, language)
    row = story(sitting.user.pk)
    url = desk.act_url(row, name)

    shown = sitting.get(url, {"pk": row.pk})
    body = {"pk": row.pk, "seen": desk.seen(shown), "reason": "a good reason"}
    answer = sitting.post(url, body, follow=True)

    assert "%(" not in shown.content.decode()
    assert title_of(everything()[name][1], language) in said(answer, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_sent_and_says_so(name, language, monkeypatch):
    monkeypatch.setattr("payments.reconcile.download", lambda **day: bill_form()["file"].read())
    model, form = everything()[name]
    sitting = sit(roles.ACCOUNTS if model is AccountChange else roles.MAKER, language)
    url, filled = url_of(model, form), FORMS[name]()

    assert sitting.get(url).status_code == 200
    if form.is_previewed:
        shown = sitting.post(url, filled).content.decode()
        assert 'name="done"' in shown and "%(" not in shown
    answer = sitting.post(url, filled | {"done": "1"}, follow=True)

    told = said(answer, language)
    if model is Bill:  # says what it came to instead
        assert str(Bill.objects.get().differences) in told
    else:
        assert title_of(form, language) in told
