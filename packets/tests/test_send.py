"""How many drafts one sender may have lying unpaid."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.refusals import TooManyOpen
from packets import close
from packets.models import RedPacket, Share
from testing.make import make_group, make_packet, make_paid_packet, user


@pytest.fixture(autouse=True)
def two_drafts(settings):
    make_group("alice", "bob", "u1")
    settings.REDPACKET_DRAFTS_MAX = 2


def test_one_draft_more_than_the_limit_is_refused_and_leaves_nothing():
    drafts = [make_packet(), make_packet()]

    with pytest.raises(TooManyOpen):
        make_packet()

    assert set(RedPacket.objects.all()) == set(drafts)
    assert Share.objects.count() == 6


def test_another_senders_drafts_do_not_count():
    make_packet(), make_packet()

    assert make_packet(sender="bob").user_id == "bob"


def test_what_is_paid_or_closed_makes_room():
    make_paid_packet()
    make_paid_packet()
    late = make_packet()
    make_packet()
    assert close.close(packet=late, now=late.draft_until)

    assert make_packet()
    with pytest.raises(TooManyOpen):
        make_packet()


def test_the_refusal_says_when_the_next_draft_closes():
    now = timezone.now()
    wish = {"type": "personal", "for_id": "bob", "single_money": "1.00"}
    make_packet(now=now - timedelta(hours=23))
    make_packet(now=now)

    answer = user("alice", "en").post("packets", wish, key="k")

    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.json()["detail"] == "Too many are unpaid: pay one, or wait until one closes."
    assert 3500 < int(answer["Retry-After"]) <= 3600


def test_the_same_key_gets_its_draft_also_at_the_limit():
    wish = {"type": "personal", "for_id": "bob", "single_money": "1.00"}
    alice = user("alice")
    first = alice.post("packets", wish, key="one").json()
    alice.post("packets", wish, key="two")

    assert alice.post("packets", wish, key="one").json() == first
    assert alice.post("packets", wish, key="three").status_code == 429
