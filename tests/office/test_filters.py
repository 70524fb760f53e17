"""What lists can be narrowed to: packets by state, orders by status and amount, notices by outcome,
staff's acts by what they were."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from office.frame import lists
from office.models import StaffAction
from packets import freeze, grab
from packets.models import RedPacket
from packets.states import Kind, state_of
from payments.models import Notification, PaymentOrder
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing import desk, make, stories
from tests.office import world


def keys(answer) -> list:
    return [row.pk for row in answer.context["cl"].result_list]


def state_now(packet: RedPacket) -> str:
    taken = packet.shares.exclude(user_id=None).count()
    return state_of(packet, taken, timezone.now()).value


def test_a_state_shows_the_packets_whose_page_says_so(alipay):  # noqa: F811
    superuser = world.build(timezone.now()).sit(None, "en")
    make.make_packet(Kind.EQUAL, 2, "3.00", sender="drafty", for_id="g-drafty")
    url = desk.list_of(RedPacket)
    states = {packet.pk: state_now(packet) for packet in RedPacket.objects.all()}

    shown = {word: set(keys(superuser.get(url, {"state": word}))) for word in set(states.values())}
    awaiting = keys(superuser.get(url, {"state": "awaiting"}))
    overdue = set(keys(superuser.get(url, {"state": "overdue"})))

    assert len(shown) >= 4
    for word, found in shown.items():
        wanted = {pk for pk, state in states.items() if state == word}
        if word == "open":
            wanted -= set(awaiting)
        assert found | (overdue if word == "expired" else set()) == wanted, word
    assert awaiting and all(
        row.pay_status == 2 for row in RedPacket.objects.filter(pk__in=awaiting)
    )


def test_a_state_goes_on_by_key_in_the_order_of_its_index(support, monkeypatch):
    """Finished ones in the order in which they would have expired, closed ones by key alone."""
    monkeypatch.setattr(lists, "COUNTED", 51)  # more than a page
    now = timezone.now()
    for number in range(60):
        packet = make.make_paid_packet(
            Kind.EQUAL,
            1,
            "1.00",
            sender=f"s{number}",
            for_id=f"g-s{number}",
            now=now - timedelta(minutes=number // 3),
        )
        grab.grab(public_id=packet.public_id, caller=Caller(f"s{number}"), now=now)
    url, finished = desk.list_of(RedPacket), {"state": "finished"}

    first = support.get(url, finished)
    older = support.get(url + first.context["cl"].older_url)

    made = RedPacket.objects.order_by("-expire_time", "-pk").values_list("pk", flat=True)
    assert keys(first) + keys(older) == list(made)


def test_drafts_without_a_moment_go_on_by_key(support, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED", 51)
    for number in range(55):
        make.make_packet(Kind.EQUAL, 1, "1.00", sender=f"s{number}", for_id=f"g-s{number}")
    RedPacket.objects.update(draft_until=timezone.now())
    url = desk.list_of(RedPacket)

    first = support.get(url, {"state": "unpaid"})
    older = support.get(url + first.context["cl"].older_url)

    assert len(keys(first)) == 50 and len(set(keys(first) + keys(older))) == 55


def test_packets_by_kind_group_frozen_and_amount(support):
    lucky = make.make_paid_packet(Kind.LUCKY, 3, "9.00", sender="a", for_id="g7")
    equal = make.make_paid_packet(Kind.EQUAL, 2, "5.00", sender="b", for_id="g8")
    freeze.freeze(public_id=equal.public_id, reason="a test", now=timezone.now())
    url = desk.list_of(RedPacket)

    def of(**given):
        return keys(support.get(url, given))

    assert of(type__exact=Kind.LUCKY.value) == [lucky.pk]
    assert of(q="g8") == [equal.pk]
    assert of(is_frozen__exact="1") == [equal.pk]
    assert of(total_money__least="9.5") == [equal.pk]
    assert of(total_money__least="9.5", type__exact=Kind.LUCKY.value) == []


def test_orders_by_status_date_and_amount(support, alipay):  # noqa: F811
    stories.tell(timezone.now() - timedelta(hours=2))
    url, today = desk.list_of(PaymentOrder), timezone.localdate()
    order = PaymentOrder.objects.filter(status=2).latest("pk")

    def of(**given):
        return keys(support.get(url, given))

    by_status = PaymentOrder.objects.filter(status=2).order_by("-pk")
    by_amount = PaymentOrder.objects.filter(amount=order.amount)
    assert of(status__exact="2") == [each.pk for each in by_status]
    assert of(status__exact="2", add_time__from=(today + timedelta(days=1)).isoformat()) == []
    assert set(of(amount__least=str(order.amount), amount__most=str(order.amount))) == {
        each.pk for each in by_amount
    }


def test_notices_by_outcome(support, alipay):  # noqa: F811
    stories.tell(timezone.now() - timedelta(hours=2))
    outcomes = set(Notification.objects.values_list("outcome", flat=True))

    for outcome in outcomes:
        found = keys(support.get(desk.list_of(Notification), {"outcome__exact": outcome}))
        wanted = Notification.objects.filter(outcome=outcome).order_by("-created_at", "-pk")
        assert found == [each.pk for each in wanted]
    assert outcomes


def test_staffs_acts_by_what_they_were(auditor, support):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    support.act(packet, "freeze_packet")
    support.act(packet, "unfreeze_packet")
    url = desk.list_of(StaffAction)

    page = auditor.get(url, {"action__exact": "freeze_packet"})

    assert [row.action for row in page.context["cl"].result_list] == ["freeze_packet"]
    assert '<option value="freeze_packet" selected>' in page.content.decode()


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (RedPacket, {"state": "x"}),
        (StaffAction, {"action__exact": "x"}),
        (RedPacket, {"total_money__most": "x"}),
    ],
)
def test_a_word_that_is_none_is_no_error(superuser, model, given):
    assert superuser.get(desk.list_of(model), given).status_code in (200, 302)
