"""The control API: what tests and load programs ask the pretend channels for."""

import pytest
from django.test import Client

pytestmark = pytest.mark.once


def test_the_control_api_speaks_json(trade):
    def ask(path, status=200, **fields):
        answer = Client().post(f"/sandbox/control/{path}", fields, content_type="application/json")
        assert answer.status_code == status
        return answer.json()

    assert ask("settings") == {
        "lag_s": 1.0,
        "arrives_s": 0.0,
        "notify": True,
        "times": 1,
        "refund": "done",
        "refund_s": 5.0,
        "bill": "",
        "charset": "utf-8",
    }
    assert ask("settings", lag_s=60)["lag_s"] == 60
    assert ask("settings", 400, lag_s=-1) == {"error": "lag_s: a number from 0 to 2592000"}
    assert ask("settings", 400, x=1) == {"error": "unknown: x"}
    assert ask("pay", 400, pay_type="balance")["error"] == "pay_type: alipay, wechat or unionpay"
    assert "knows no order" in ask("pay", 404, pay_type="alipay", order_no="nobody")["error"]
    assert ask("pay", 400, pay_type="alipay", order_no="rp000001", x=1)["error"] == "unknown: x"
    paid = ask("pay", pay_type="alipay", order_no="rp000001", amount="0.05")
    assert (paid["state"], len(paid["notices"])) == ("paid", 1)
    assert ask("pay", 409, pay_type="alipay", order_no="rp000001") == {
        "error": "paid or closed already"
    }
    assert ask("close", 409, pay_type="alipay", order_no="rp000001")["error"]
    assert ask("trade", pay_type="alipay", order_no="rp000001")["trade_no"] == paid["trade_no"]
    assert ask("deliver", all=False) == {"acknowledged": 0}
