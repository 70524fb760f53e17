import re

import pytest
from django.test import Client

from payments.states import PayType
from sandbox.models import SandboxNotice, TradeState

pytestmark = pytest.mark.once

SCENES = {PayType.ALIPAY: "app", PayType.WECHAT: "h5", PayType.UNIONPAY: "app"}


@pytest.fixture
def press(trade):
    def run(button: str, **more: str):
        answer = Client().post(f"/sandbox/cashier/{trade.handle}", {"do": button, **more})
        trade.refresh_from_db()
        return answer

    return run


@pytest.mark.parametrize("trade", SCENES, indirect=True)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_pages_carry_nothing_inline(trade, press, language):
    client = Client(HTTP_ACCEPT_LANGUAGE=language)
    paths = [
        "/sandbox/",
        f"/sandbox/cashier/{trade.handle}",
        f"/sandbox/cashier/{trade.handle}/done",
    ]

    for path in paths:
        page = client.get(path)
        text = page.content.decode()
        assert page.status_code == 200
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", text)
        assert "<b>" not in text
        assert "default-src 'self'" in page["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("button", "more", "state", "paid_fen", "said"),
    [
        ("pay", {}, TradeState.PAID, 1234, 1),
        ("other", {"amount": "0.05"}, TradeState.PAID, 5, 1),
        ("silent", {}, TradeState.PAID, 1234, 0),
        ("lag", {"lag_s": "30"}, TradeState.PAID, 1234, 1),
        ("many", {"times": "3"}, TradeState.PAID, 1234, 3),
        ("disorder", {}, TradeState.PAID, 1234, 2),
        ("fail", {}, TradeState.OPEN, None, 0),
        ("close", {}, TradeState.CLOSED, None, 0),
    ],
)
def test_each_button_does_its_thing(trade, press, button, more, state, paid_fen, said):
    answer = press(button, **more)

    assert answer.status_code == 302
    assert (trade.state, trade.paid_fen) == (state, paid_fen)
    assert SandboxNotice.objects.count() == said


def test_a_closed_order_can_be_paid_after_all(trade, press):
    press("close")

    assert press("pay").status_code == 409
    assert trade.state == TradeState.CLOSED
    assert press("late").status_code == 302
    assert trade.state == TradeState.PAID


@pytest.mark.parametrize(
    ("button", "more"),
    [
        ("other", {"amount": "a lot"}),
        ("lag", {"lag_s": "-1"}),
        ("many", {"times": "101"}),
        ("x", {}),
    ],
)
def test_nonsense_is_refused_in_words(trade, press, button, more):
    answer = press(button, **more)

    assert answer.status_code == 409
    assert 'class="problem"' in answer.content.decode()
    assert trade.state == TradeState.OPEN


@pytest.mark.parametrize("trade", SCENES, indirect=True)
def test_the_signed_result_is_shown_where_the_channel_has_one(trade, press):
    press("silent")

    text = Client().get(f"/sandbox/cashier/{trade.handle}/done").content.decode()

    has_result = trade.pay_type != PayType.WECHAT
    assert ("<textarea" in text) is has_result
    assert (trade.trade_no in text) is True


@pytest.mark.parametrize(
    ("trade", "pasted"),
    [
        (PayType.UNIONPAY, "{handle}"),
        (PayType.UNIONPAY, '{{"tn": "{handle}"}}'),
        (PayType.WECHAT, "https://wx.example/cashier?prepay_id=1/{handle}"),
        (PayType.WECHAT, "prepay_id={handle}"),
        (PayType.WECHAT, '{{"pay_params": {{"prepayid": "{handle}"}}}}'),
    ],
    indirect=["trade"],
)
def test_the_box_takes_what_an_app_gets(trade, pasted):
    if pasted.startswith("https"):
        pasted = "https://wx.example/cashier/{handle}"

    answer = Client().post("/sandbox/open", {"pasted": pasted.format(handle=trade.handle)})

    assert (answer.status_code, answer["Location"]) == (302, f"/sandbox/cashier/{trade.handle}")


@pytest.mark.parametrize("pasted", ["nothing", "{", "[1]", '{"x": 1}', "biz_content=%00"])
def test_the_box_refuses_the_rest_in_words(channels_file, pasted):
    answer = Client().post("/sandbox/open", {"pasted": pasted})

    assert answer.status_code == 400
    assert 'class="problem"' in answer.content.decode()


@pytest.mark.parametrize("trade", SCENES, indirect=True)
def test_our_own_pages_may_show_the_cashier_in_a_frame_and_nobody_else(trade, press):
    press("pay")

    for path in ("", f"cashier/{trade.handle}", f"cashier/{trade.handle}/done"):
        page = Client().get(f"/sandbox/{path}")
        assert page["X-Frame-Options"] == "SAMEORIGIN"
        assert page["Content-Security-Policy"].count("frame-ancestors 'self'") == 1
        assert "frame-ancestors 'none'" not in page["Content-Security-Policy"]


def test_what_is_no_page_of_the_sandbox_may_not_be_framed(trade):
    for path in ("/sandbox/control/settings", "/admin/login/", "/sandbox/cashier/nobody"):
        answer = Client().get(path)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
