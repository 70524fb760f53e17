"""Which order a wish gets: the open one, or a new one where the channel wants another number."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from kit.refusals import Unavailable
from payments import chase, confirm, opening
from payments.models import Case, PaymentOrder
from payments.opening import Charge
from payments.refusals import ChannelUnavailable
from payments.states import CaseKind, NoticeOutcome, OrderStatus, PayType, Scene
from payments.tests.conftest import offer
from wallets.statement import balance

KEY = "topup:k1"


@pytest.fixture
def wechat(monkeypatch):
    """A channel that refuses a second scene of one number."""
    channel = offer(monkeypatch, PayType.WECHAT)[PayType.WECHAT]
    channel.takes_any_scene = False
    return channel


def wish(scene: Scene = Scene.APP, pay_type: PayType = PayType.WECHAT) -> Charge:
    return Charge(
        purpose="topup",
        reference="one",  # both scenes pay for the same
        key=KEY,
        user_id="bob",
        amount=Decimal("5.00"),
        pay_type=pay_type,
        scene=scene,
        subject="钱包充值",
        payer_ip="127.0.0.1",
    )


def opened(scene: Scene = Scene.APP, now=None, **changes) -> PaymentOrder:
    return opening.open_order(replace(wish(scene), **changes), now=now or timezone.now())


def again(order: PaymentOrder) -> PaymentOrder:
    return PaymentOrder.objects.get(pk=order.pk)


@pytest.mark.parametrize("set_to", ["https://shop.example/back", "https://shop.example/back/"])
def test_the_way_back_from_a_channel_names_the_order_in_its_path(wechat, settings, set_to):
    settings.REDPACKET_RETURN_URL = set_to

    order = opened(Scene.H5)

    assert wechat.wanted.return_url == f"https://shop.example/back/{order.order_no}"


# --- Scenes
def test_another_scene_is_a_new_order_and_the_first_is_superseded(wechat):
    now = timezone.now()
    first = opened(now=now)
    second = opened(Scene.H5, now=now)

    assert second.order_no != first.order_no
    assert (second.scene, second.open_key) == (Scene.H5, KEY)
    assert (again(first).open_key, again(first).chase_at) == (None, now)
    assert opened(Scene.H5).order_no == second.order_no
    chase.chase(order_id=first.pk, now=timezone.now())
    assert wechat.calls == ["create", "create", "query", "close"]
    assert again(first).status == OrderStatus.CLOSED


def test_one_number_in_every_scene_where_the_channel_takes_it(wechat):
    wechat.takes_any_scene = True
    first, second = opened(), opened(Scene.H5)

    assert second.order_no == first.order_no
    assert (second.scene, second.pay_params) != (first.scene, first.pay_params)


def test_both_scenes_paid_credits_once_and_the_rest_is_a_case(wechat):
    first, second = opened(), opened(Scene.NATIVE)
    paid = [wechat.pay(first, "T1"), wechat.pay(second, "T2")]

    outcomes = [confirm.confirm(payment=payment, now=timezone.now()) for payment in paid]

    # A top-up is owed for whatever arrives; a packet's second payment is a case (tests/flows).
    assert outcomes == [NoticeOutcome.CONFIRMED] * 2
    assert balance("bob").balance == Decimal("10.00")


def test_no_order_is_closed_for_one_that_the_channel_did_not_take(wechat):
    first = opened()
    wechat.is_down = True
    with pytest.raises(Unavailable):
        opened(Scene.H5)

    assert again(first).status == OrderStatus.CREATED
    assert again(first).chase_at == first.expire_time  # not asked to close
    wechat.is_down = False
    second = opened(Scene.H5)
    assert second.order_no != first.order_no
    assert PaymentOrder.objects.count() == 2  # the unanswered one was given again


def test_what_ends_early_is_fetched_anew_for_the_same_order(wechat):
    wechat.ends = True
    first, second = opened(Scene.H5), opened(Scene.H5)

    assert second.order_no == first.order_no
    assert second.pay_params != first.pay_params
    assert wechat.calls == ["create", "create"]


# --- A number that the channel has seen before
def test_a_used_number_is_replaced_by_another_one(wechat):
    """As after an answer that was lost, where a repeat counts as a double."""
    wechat.is_down = True
    with pytest.raises(Unavailable):
        opened()
    lost = PaymentOrder.objects.get()
    wechat.is_down = False
    wechat.reused = {lost.order_no}

    order = opened()

    assert order.order_no != lost.order_no
    assert (order.open_key, order.pay_params is None) == (KEY, False)
    assert again(lost).open_key is None


def test_a_channel_that_wants_ever_new_numbers_is_asked_twice(wechat, monkeypatch):
    class All(set):
        def __contains__(self, number):
            return True

    wechat.reused = All()
    with pytest.raises(ChannelUnavailable):
        opened()

    assert wechat.calls == ["create"] * 2


def test_a_double_of_a_twin_gets_what_the_twin_was_given(wechat):
    """The slower one was refused as a double, and gives the order that the faster one has got."""
    given = []

    def twin():
        given.append(opened())
        wechat.reused = {given[0].order_no}

    wechat.meanwhile = twin
    order = opened()

    assert (order.order_no, order.pay_params) == (given[0].order_no, given[0].pay_params)
    assert PaymentOrder.objects.count() == 1


# --- Two scenes at once
def two_scenes_at_once(wechat) -> tuple[PaymentOrder, PaymentOrder]:
    """While the channel thinks about the app's order, the page's is asked for and given."""
    pages = []
    wechat.meanwhile = lambda: pages.append(opened(Scene.H5))
    app = opened()
    return again(app), again(pages[0])


def test_of_two_scenes_at_once_the_later_one_stays_open(wechat):
    app, page = two_scenes_at_once(wechat)

    assert (app.open_key, page.open_key) == (None, KEY)
    assert page.chase_at > page.add_time, "nobody has superseded it"


def test_one_that_made_room_for_nothing_stays_payable(wechat):
    """Asked about before its time, it would be closed like a superseded one."""
    order = opened()
    wechat.is_down = True

    with pytest.raises(Unavailable):
        opened(Scene.H5)

    order.refresh_from_db()
    assert (order.open_key, order.chase_at) == (None, order.expire_time)


def test_of_two_scenes_at_once_without_the_guard(wechat, monkeypatch):
    """Each closes the other: nobody has an order that stays."""
    monkeypatch.setattr(opening, "has_the_key", lambda order: True)

    app, page = two_scenes_at_once(wechat)

    assert (app.open_key, page.open_key) == (None, None)


# --- The merchant
def test_an_order_keeps_the_merchant_that_it_was_made_with(wechat):
    first = opened()
    wechat.merchant = "another"

    assert (first.merchant, opened().merchant) == ("pretend", "pretend")
    assert opened(key="topup:k2").merchant == "another"


@pytest.mark.parametrize(
    ("known", "said", "outcome"),
    [
        ("pretend", "pretend", NoticeOutcome.CONFIRMED),
        ("pretend", "another", NoticeOutcome.SUSPENSE),
        ("", "another", NoticeOutcome.CONFIRMED),  # of an old release
    ],
)
def test_another_merchants_money_never_pays_an_order(wechat, known, said, outcome):
    order = opened()
    PaymentOrder.objects.update(merchant=known)
    payment = replace(wechat.pay(order, "T1"), merchant=said)

    assert confirm.confirm(payment=payment, now=timezone.now()) == outcome
    is_paid = outcome is NoticeOutcome.CONFIRMED
    assert (again(order).status == OrderStatus.CONFIRMED) is is_paid
    assert balance("bob").balance == (Decimal("5.00") if is_paid else 0)
    kinds = [] if is_paid else [CaseKind.UNKNOWN_ORDER]
    assert list(Case.objects.values_list("kind", flat=True)) == kinds


@pytest.mark.parametrize("off_s", [0, 1, -1, 86_400])
def test_another_time_is_another_order_where_the_time_belongs_to_its_name(wechat, off_s):
    order = opened()
    begun_at = order.add_time.replace(microsecond=0) + timedelta(seconds=off_s)
    payment = replace(wechat.pay(order, "T1"), begun_at=begun_at)

    outcome = confirm.confirm(payment=payment, now=timezone.now())

    expected = NoticeOutcome.SUSPENSE if off_s else NoticeOutcome.CONFIRMED
    assert outcome == expected
