"""Finance looks at a refund: each decision is made once, a dispute says why."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from kit.refusals import Invalid
from packets import refund, review
from packets.models import RefundReview
from packets.states import ReviewState
from testing.make import make_expired_packet


@pytest.fixture
def opened() -> RefundReview:
    packet = make_expired_packet()
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    return RefundReview.objects.get()


@pytest.fixture
def staff() -> int:
    return get_user_model().objects.create_user("finance", is_staff=True).pk


def decide(row: RefundReview, to: ReviewState, staff: int, note: str = "") -> bool:
    done = review.decide(review_id=row.pk, to=to, staff_id=staff, note=note, now=timezone.now())
    row.refresh_from_db()
    return done


def test_a_refund_is_put_forward_with_what_went_back(opened):
    assert opened.state == ReviewState.OPEN
    assert (opened.user_id, opened.amount) == ("alice", 10)
    assert opened.packet.return_money == 10


def test_it_is_moved_on_once(opened, staff):
    assert decide(opened, ReviewState.REVIEWED, staff)
    assert not decide(opened, ReviewState.REVIEWED, staff)

    assert (opened.state, opened.decided_by_id) == (ReviewState.REVIEWED, staff)
    assert opened.decided_at is not None


@pytest.mark.parametrize("note", ["", "  \n "])
def test_a_dispute_needs_a_note(opened, staff, note):
    with pytest.raises(Invalid):
        decide(opened, ReviewState.DISPUTED, staff, note)

    opened.refresh_from_db()
    assert opened.state == ReviewState.OPEN


def test_a_dispute_is_settled_and_then_left(opened, staff):
    assert decide(opened, ReviewState.DISPUTED, staff, " odd " + "x" * 300)
    assert opened.note == "odd " + "x" * (review.NOTE_MAX - 4)
    assert decide(opened, ReviewState.SETTLED, staff)

    assert not decide(opened, ReviewState.DISPUTED, staff, "again")
    assert opened.state == ReviewState.SETTLED
