"""What the three channels' own words have in common (payments/channels/wire.py)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.channels import wire
from payments.channels.base import Answer, State
from payments.models import PaymentOrder

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def test_a_time_out_that_passes_while_we_ask_closes_nothing():
    """Begun before it passed, and paid behind the answer: only what is asked behind it counts."""
    now = timezone.now()
    order = PaymentOrder(add_time=now, expire_time=now + timedelta(hours=1))

    def unknown(asked: PaymentOrder) -> Answer:
        asked.add_time -= timedelta(days=2)
        asked.expire_time -= timedelta(days=2)
        return Answer(State.UNKNOWN)

    assert wire.closed_by_time(order, unknown).state == State.PENDING
    assert wire.closed_by_time(order, unknown).state == State.CLOSED


def test_what_is_known_there_is_as_the_channel_says():
    now = timezone.now()
    order = PaymentOrder(add_time=now - timedelta(days=2), expire_time=now - timedelta(days=1))

    assert wire.closed_by_time(order, lambda _: Answer(State.PENDING)).state == State.PENDING
