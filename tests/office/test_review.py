"""Finance looks at every expiry refund: one row each, moved by one person at a time."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from kit.refusals import Invalid
from office.models import StaffAction
from packets import audit as packets_audit
from packets import refund, review
from packets.models import RefundReview
from packets.states import Kind, ReviewState
from testing import desk, make
from wallets.models import Wallet


def refunded(money: str = "5.00", sender: str = "alice") -> RefundReview:
    packet = make.make_expired_packet(Kind.EQUAL, 2, money, sender=sender, for_id=f"g-{sender}")
    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    return RefundReview.objects.get(packet=packet)


def listed(answer) -> list[int]:
    return [row.pk for row in answer.context["cl"].result_list]


def test_a_refund_is_put_forward_once_with_what_the_filters_need():
    row = refunded()

    assert not refund.refund_expired(rp_id=row.packet_id, now=timezone.now())
    assert RefundReview.objects.count() == 1
    assert (row.user_id, str(row.amount), row.pay_type) == ("alice", "10.00", row.packet.pay_type)
    assert row.state == ReviewState.OPEN


def test_a_packet_without_a_rest_is_not_put_forward():
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    assert not refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    assert not RefundReview.objects.exists()


@pytest.mark.broken_books
def test_the_audit_names_a_refund_without_its_row_and_a_row_without_its_refund():
    lost, changed = refunded(), refunded(sender="bob")
    RefundReview.objects.filter(pk=lost.pk).delete()
    RefundReview.objects.filter(pk=changed.pk).update(amount="9.99")

    rows = [found.says for found in packets_audit.refunds_are_put_forward()]

    assert len(rows) == 2
    assert "None" in rows[0] and "9.99" in rows[1]


@pytest.mark.parametrize("start", ReviewState)
@pytest.mark.parametrize("to", ReviewState)
def test_only_the_drawn_moves_happen(maker, start, to):
    row, now = refunded(), timezone.now()
    path = {
        ReviewState.OPEN: [],
        ReviewState.REVIEWED: [ReviewState.REVIEWED],
        ReviewState.DISPUTED: [ReviewState.DISPUTED],
        ReviewState.SETTLED: [ReviewState.REVIEWED, ReviewState.SETTLED],
    }
    steps = {"review_id": row.pk, "staff_id": maker.user.pk, "now": now, "note": "as agreed"}
    for step in path[start]:
        assert review.decide(to=step, **steps)

    moved = review.decide(to=to, **steps)

    allowed = {
        (ReviewState.OPEN, ReviewState.REVIEWED),
        (ReviewState.OPEN, ReviewState.DISPUTED),
        (ReviewState.REVIEWED, ReviewState.DISPUTED),
        (ReviewState.REVIEWED, ReviewState.SETTLED),
        (ReviewState.DISPUTED, ReviewState.SETTLED),
    }
    assert moved == ((start, to) in allowed)
    row.refresh_from_db()
    assert row.state == (to if moved else start)


def test_a_dispute_needs_a_note(maker):
    row = refunded()

    with pytest.raises(Invalid):
        review.decide(
            review_id=row.pk,
            to=ReviewState.DISPUTED,
            staff_id=maker.user.pk,
            note="  ",
            now=timezone.now(),
        )
    with pytest.raises(IntegrityError):
        RefundReview.objects.filter(pk=row.pk).update(
            state=ReviewState.DISPUTED, decided_by=maker.user, decided_at=timezone.now()
        )
    assert "dispute" in maker.act(row, "dispute_refund", reason="").content.decode().lower()
    row.refresh_from_db()
    assert row.state == ReviewState.OPEN
    assert not StaffAction.objects.exists()


def test_a_dispute_is_seen_on_the_packet_and_the_wallet_and_freezes_nothing(maker, support):
    row = refunded()

    assert maker.act(row, "dispute_refund", reason="sent to the wrong person").status_code == 302

    wallet = Wallet.objects.get(pk="alice")
    for page in (row.packet, wallet):
        assert "Disputed refund: sent to the wrong person" in maker.text(page)
        assert "Disputed refund: sent to the wrong person" in support.text(page)
    assert not wallet.is_frozen and not row.packet.is_frozen
    assert f'href="{desk.page_of(row)}"' in maker.text(wallet)
    assert f'href="{desk.page_of(row)}"' not in support.text(wallet)
    history = [(a.user.username, a.action, a.reason) for a in StaffAction.objects.all()]
    assert history == [("finance-maker", "dispute_refund", "sent to the wrong person")]


def test_many_are_reviewed_at_once_each_with_its_own_record(checker):
    rows = [refunded(sender=f"s{n}") for n in range(3)]
    url = desk.act_url(rows[0], "mark_reviewed")
    keys = [row.pk for row in rows]
    chosen = checker.post(
        desk.list_of(RefundReview), {"action": "mark_reviewed", "_selected_action": keys}
    )
    shown = checker.get(chosen.headers["Location"])

    answer = checker.post(url, {"pk": keys, "seen": desk.seen(shown), "reason": ""})

    assert answer.status_code == 302
    assert set(RefundReview.objects.values_list("state", flat=True)) == {ReviewState.REVIEWED}
    assert StaffAction.objects.filter(action="mark_reviewed").count() == 3


@pytest.mark.parametrize("name", ["mark_reviewed", "dispute_refund", "mark_settled"])
def test_auditor_and_support_move_nothing(auditor, support, name):
    row = refunded()

    for sitting in (auditor, support):
        body = {"pk": row.pk, "seen": "x", "reason": "because"}
        assert sitting.post(desk.act_url(row, name), body).status_code == 403
    row.refresh_from_db()
    assert row.state == ReviewState.OPEN


def test_filters_and_their_totals(maker):
    small, large, old = refunded("1.00", "s1"), refunded("50.00", "s2"), refunded("2.00", "s3")
    long_ago = timezone.now() - timedelta(days=4)
    RefundReview.objects.filter(pk=old.pk).update(created_at=long_ago)
    maker.act(small, "mark_reviewed")
    url = desk.list_of(RefundReview)

    def of(**given):
        answer = maker.get(url, given)
        return listed(answer), str(answer.context["cl"].totals[0][1])

    assert of() == ([old.pk, large.pk, small.pk], "106.00")
    assert of(state__exact=ReviewState.OPEN.value) == ([old.pk, large.pk], "104.00")
    assert of(amount__least="4", amount__most="99.99") == ([old.pk], "4.00")
    assert of(created_at__older="3") == ([old.pk], "4.00")
    assert of(created_at__older="7") == ([], "0.00")
    assert of(q="s2") == ([large.pk], "100.00")
    assert of(q=small.packet.public_id) == ([small.pk], "2.00")
    assert of(pay_type__exact="1") == ([], "0.00")
    day = timezone.localtime(long_ago).date().isoformat()
    assert of(created_at__from=day, created_at__to=day) == ([old.pk], "4.00")


@pytest.mark.parametrize(
    "given",
    [{"amount__least": "x"}, {"amount__most": "1.234"}, {"created_at__older": "2"}, {"state": "x"}],
)
def test_nonsense_in_a_filter_is_no_error(maker, given):
    assert maker.get(desk.list_of(RefundReview), given).status_code in (200, 302)


def test_a_list_costs_the_same_whatever_its_length(maker, django_assert_max_num_queries):
    for number in range(12):
        refunded(sender=f"s{number}")
    maker.get(desk.list_of(RefundReview))

    with django_assert_max_num_queries(12):
        maker.get(desk.list_of(RefundReview))
