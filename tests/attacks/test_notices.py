"""Anybody may post to the channels' addresses: it costs him more than us."""

import hashlib
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from payments import forget_notices, strangers
from payments.models import Notification
from payments.raw import pretty
from testing import other_side as side

FORM = "application/x-www-form-urlencoded"
BODY = b"out_trade_no=hb1&x=" + b"y" * 60_000


def knock(body: bytes, channel: str = "alipay", content_type: str = FORM):
    return Client().post(f"/api/v1/payments/notify/{channel}", body, content_type=content_type)


def kept_bytes() -> int:
    return sum(len(notice.body) for notice in Notification.objects.all())


def test_a_flood_of_forgeries_leaves_ten_heads_a_minute(keys, monkeypatch):
    take = strangers.quota.take
    monkeypatch.setattr(strangers.quota, "take", lambda name, at_s: take(name, 0.0))  # one minute

    answers = {knock(BODY).content for _ in range(60)}

    assert answers == {b"failure"}
    assert Notification.objects.count() == 10
    assert kept_bytes() == 10 * 512
    notice = Notification.objects.first()
    assert (notice.outcome, notice.size, notice.address) == ("forged", len(BODY), "127.0.0.1")
    assert (notice.digest, notice.headers) == (hashlib.sha256(BODY).hexdigest(), {})


def test_a_flood_of_forgeries_is_kept_whole_without_the_guard(keys, monkeypatch):
    monkeypatch.setattr(strangers, "HEAD_BYTES", 1 << 20)
    monkeypatch.setattr(strangers, "quota", strangers.Quota(a_minute=10**6, a_day=10**6))

    for _ in range(12):
        knock(BODY)

    assert kept_bytes() == 12 * len(BODY)


def test_a_flood_at_one_channel_hides_nothing_of_another(keys):
    for _ in range(12):
        knock(BODY)
    knock(b"{}", "wechat", "application/json")

    assert Notification.objects.filter(pay_type=2).count() == 1


def test_the_quota_counts_by_minute_and_by_day():
    quota = strangers.Quota(a_minute=2, a_day=3)

    assert [quota.take("x", 0.0) for _ in range(3)] == [True, True, False]
    assert [quota.take("x", 60.0), quota.take("x", 61.0), quota.take("x", 120.0)] == [
        True,
        False,
        False,
    ]
    assert quota.take("x", 86_400.0)


def test_the_end_of_a_minute_lets_through_no_second_quota():
    """By the calendar's minutes, twice as many came through around a border."""
    quota = strangers.Quota(a_minute=2, a_day=5)
    times = [59.8, 59.9, 60.0, 60.1, 119.7, 119.8, 119.9, 180.0, 86_459.7, 86_459.8]

    taken = [at_s for at_s in times if quota.take("x", at_s)]

    assert taken == [59.8, 59.9, 119.8, 119.9, 180.0, 86_459.8]
    assert quota.take("y", 0.0), "each channel has its own"


def test_a_genuine_notice_is_kept_whole_in_the_middle_of_a_flood(keys):
    for _ in range(12):
        knock(BODY)
    body = side.alipay_body("utf-8")

    assert knock(body).content == b"success"

    notice = Notification.objects.exclude(outcome="forged").get()
    assert (bytes(notice.body), notice.size, notice.emptied_at) == (body, None, None)


HOSTILE = {
    "300 fields": b"&".join(b"f%d=1" % at for at in range(300)),
    "fields without end": b"a=1&" * 16_000,
    "no UTF-8": b"a=\xff\xfe&b=%ff%fe",
    "half a character in JSON": b'{"out_trade_no": "\\ud800", "x": "\\u202e\\u009b"}',
    "deep JSON": b"[" * 60_000,
    "deep JSON that ends": b"[" * 900 + b"]" * 900,
    "a long number": b"1" * 60_000,
    "an unknown charset": b"charset=utf-99&sign_type=RSA2&sign=eA==",
    "nulls": b"a=%00&\x00=1",
    "nothing": b"",
}


@pytest.mark.parametrize("channel", ["alipay", "wechat", "unionpay"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bytes_are_forged_and_can_be_shown(keys, kind, channel, caplog):
    answer = knock(HOSTILE[kind], channel)

    assert answer.status_code in (200, 400, 401)
    assert Notification.objects.get().outcome == "forged"
    assert not [record for record in caplog.records if record.exc_info]
    pretty(HOSTILE[kind]).encode()
    pretty(HOSTILE[kind][:512]).encode()


def test_what_is_old_goes(keys):
    knock(BODY)
    knock(side.alipay_body("utf-8"))
    now = timezone.now()

    assert forget_notices.forget(now=now + timedelta(days=6)) == 0
    assert forget_notices.forget(now=now + timedelta(days=8)) == 1
    assert forget_notices.forget(now=now + timedelta(days=179)) == 0
    assert forget_notices.forget(now=now + timedelta(days=181)) == 1
    assert forget_notices.forget(now=now + timedelta(days=181)) == 0

    notice = Notification.objects.get()
    assert (bytes(notice.body), notice.headers) == (b"", {})
    assert notice.trade_no
    assert notice.emptied_at
