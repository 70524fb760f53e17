"""What a Cluster changes for a grab, and which Redis is refused. Their deaths: test_stacks.py."""

from collections import Counter

import pytest
from django.utils import timezone

from kit.http import checks, throttle
from packets import members
from packets.models import Share
from packets.states import Kind
from testing.make import make_group, make_paid_packet, make_wallet, user
from tests.races.redises import cluster, led_to, one
from wallets import freeze

pytestmark = pytest.mark.usefixtures("with_redis")


def grab(packet, user_id: str) -> str:
    answer = user(user_id).post(f"packets/{packet.public_id}/grab").json()
    return answer.get("outcome") or answer["code"]


def test_all_that_one_redis_does_for_a_grab_a_cluster_does(settings, monkeypatch):
    with cluster() as (url, servers), led_to(url, settings):
        make_group("alice", "u1", "u2", "u3")
        make_wallet("u3", "1.00")
        packets = [make_paid_packet(Kind.EQUAL, 3, "1.00") for _ in range(4)]

        assert [grab(packet, "u1") for packet in packets] == ["grabbed"] * 4
        assert grab(packets[0], "u1") == "already_grabbed"
        assert grab(packets[0], "stranger") == "not_found"
        members.add(group_id="g1", user_id="stranger")
        assert grab(packets[0], "stranger") == "grabbed", "a refusal is not remembered"
        members.remove(group_id="g1", user_id="u1")
        late = make_paid_packet(Kind.EQUAL, 3, "1.00")
        assert grab(late, "u1") == "not_found", "what is remembered has not the last word"
        freeze_wallet("u3")
        assert grab(late, "u3") == "wallet_frozen"
        assert Share.objects.filter(user_id__isnull=False).count() == 5

        settings.REDPACKET_THROTTLE = True
        monkeypatch.setattr(throttle, "GRAB", throttle.Rate("g", 1, "grab"))
        said = Counter(grab(packets[1], "u2") for _ in range(40))
        assert said["grabbed"] == 1
        assert said["throttled"] > 0

        kept = [(key, s.client.ttl(key)) for s in servers for key in s.client.scan_iter()]
        assert kept
        assert [key for key, left in kept if left < 0] == []


def freeze_wallet(user_id: str) -> None:
    freeze.freeze(user_id=user_id, reason="a test", now=timezone.now())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"), []),
        (("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"), ["allkeys-lru throws"]),
        (("--maxmemory", "0"), ["maxmemory is not set"]),
    ],
)
def test_a_redis_that_forgets_tasks_or_has_no_bound_is_refused(settings, options, says):
    with one(*options) as (url, _), led_to(url, settings):
        found = list(checks._of_redis())

    assert len(found) == len(says)
    assert all(fault.startswith(start) for fault, start in zip(found, says, strict=True))
