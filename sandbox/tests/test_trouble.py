"""Answers that go wrong on demand, as a merchant at the wire sees them."""

import json

import pytest
import requests
from django.test import Client
from django.utils import timezone

from sandbox import keys, notices, trades
from sandbox.models import SandboxTrade, Says
from testing.make import make_trade

DOOR = "/sandbox/control/trouble"


def ask(status: int = 200, **plan) -> dict:
    answer = Client().post(DOOR, plan, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def query(live: str, number: str = "rp0001") -> requests.Response:
    """An unsigned question is answered, too: what is planned befalls whoever asks."""
    fields = {"method": "alipay.trade.query", "biz_content": json.dumps({"out_trade_no": number})}
    return requests.post(f"{live}/sandbox/alipay/gateway.do", data=fields, timeout=20)


def test_what_is_planned_befalls_as_many_calls_in_their_order(live):
    ask(pay_type="alipay", call="query", how="down")
    ask(pay_type="alipay", call="any", how="lost", times=2)
    ask(pay_type="alipay", call="refund", how="lost")
    ask(pay_type="wechat", call="query", how="lost")

    assert [query(live).status_code for _ in range(4)] == [503, 502, 502, 200]
    left = Client().get(DOOR).json()["waiting"]
    assert [(each["pay_type"], each["call"]) for each in left] == [
        ("alipay", "refund"),
        ("wechat", "query"),
    ]
    assert ask(forget=True) == {"waiting": []}


@pytest.mark.parametrize("how", ["401", "not ready", "no bill", "20000 isp.unknow-error"])
def test_words_that_all_channels_have_are_put_into_their_own(live, how):
    for word in ("alipay", "wechat", "unionpay"):
        ask(pay_type=word, call="bill", how=how)

    known = [each["how"] for each in Client().get(DOOR).json()["waiting"]]
    assert known == {
        "401": ["40002 isv.invalid-signature", "401 SIGN_ERROR", "11"],
        "not ready": ["40004 isp.bill_not_exist", "400 STATEMENT_CREATING", "98"],
        "no bill": ["40004 isp.bill_not_exist", "400 NO_STATEMENT_EXIST", "98"],
    }.get(how, [how] * 3)


@pytest.mark.parametrize(
    "plan",
    [
        {"pay_type": "balance", "how": "lost"},
        {"pay_type": "alipay"},
        {"pay_type": "alipay", "how": "a word; or two"},
        {"pay_type": "alipay", "how": ""},
        {"pay_type": "alipay", "how": "lost", "call": "nothing"},
        {"pay_type": "alipay", "how": "lost", "times": 0},
        {"pay_type": "alipay", "how": "late", "after_s": 61},
        {"pay_type": "alipay", "how": "lost", "more": 1},
    ],
)
def test_nonsense_is_refused(channels_file, plan):
    ask(400, **plan)
    assert Client().get(DOOR).json() == {"waiting": []}


def test_a_late_answer_is_the_right_one(live):
    ask(pay_type="alipay", call="query", how="late", after_s=0.01)

    assert query(live).status_code == 200


# --- What is on its way, and what was turned back
def arriving(now) -> SandboxTrade:
    trade = make_trade(now)
    trades.pay(trade=trade, now=now, arrives_s=60)
    notices.schedule(trade=trade, says=Says.PAID, now=now, lag_s=60)
    return trade


def test_nobody_is_told_of_what_a_close_turned_back(channels_file):
    now = timezone.now()
    trade = arriving(now)
    [notice] = trade.notices.all()

    assert notices.deliver_due(now=now, only=[notice.pk]) == 0
    notice.refresh_from_db()
    assert (notice.tries, notice.next_at) == (0, notice.due_at)  # on its way, nobody is told
    trades.close(trade=trade, now=now)
    notice.refresh_from_db()
    assert (notice.next_at, notice.answer) == (None, "turned back")


# --- Merchants of before
def test_a_merchant_of_before_is_played_with_his_own_keys(
    channels, channels_file, tmp_path, settings
):
    now = channels["alipay"]
    before = now | {"app_id": "1", "alipay_public_key_file": "old_platform_public.pem"}
    (tmp_path / "old_platform_private.pem").write_text("")
    (tmp_path / "alipay_platform_private.pem").write_text("")
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    settings.REDPACKET_CHANNELS_FILE.write_text(json.dumps({"alipay": now | {"former": [before]}}))

    def halves(merchant):
        channel = keys.of("alipay", merchant)
        return channel.merchant, channel.path(keys.ALIPAY_PRIVATE).name

    assert halves("1") == ("1", "old_platform_private.pem")
    for merchant in ("", now["app_id"], "nobody"):
        assert halves(merchant) == (now["app_id"], "alipay_platform_private.pem")
