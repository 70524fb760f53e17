"""Whatever a stranger sends, the answer is Forged, never another exception and never money."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.channels import registry
from payments.channels.base import Forged, Notice
from payments.states import CHANNELS, PayType
from payments.tests.channel_case import order
from testing import other_side as side

pytestmark = pytest.mark.once

fuzz = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WECHAT_BODY = side.wechat_body(side.wechat_transaction())
GENUINE = {
    PayType.ALIPAY: (side.body(side.alipay_fields()), {}),
    PayType.WECHAT: (WECHAT_BODY, side.wechat_headers(WECHAT_BODY)),
    PayType.UNIONPAY: (side.body(side.unionpay_fields()), {}),
}
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "0", "-1", "1e9", "NaN", "00", "\x00", "١٢", "9" * 400, "TRADE_SUCCESS"]),
)


@pytest.fixture
def channels(keys):
    return {pay_type: registry.channel(pay_type) for pay_type in CHANNELS}


def is_forged(channel, body, headers) -> bool:
    try:
        channel.notice(Notice(body, headers), side.NOW)
    except Forged:
        return True
    return False


@fuzz
@given(st.sampled_from(CHANNELS), st.binary(max_size=2000))
def test_bytes(channels, pay_type, body):
    assert is_forged(channels[pay_type], body, GENUINE[pay_type][1])


@fuzz
@given(st.sampled_from(CHANNELS), st.data())
def test_a_genuine_message_with_bytes_changed(channels, pay_type, data):
    body, headers = GENUINE[pay_type]
    at = data.draw(st.integers(0, len(body) - 1))
    length = data.draw(st.integers(0, 8))
    spoilt = body[:at] + data.draw(st.binary(max_size=8)) + body[at + length :]

    try:
        said = channels[pay_type].notice(Notice(spoilt, headers), side.NOW)
    except Forged:
        return
    # Another spelling of the same message, such as %2b for %2B.
    assert said == channels[pay_type].notice(Notice(body, headers), side.NOW)


@fuzz
@given(st.dictionaries(st.sampled_from(list(side.wechat_headers(b""))), VALUES, min_size=1))
def test_headers(channels, changes):
    genuine = side.wechat_headers(WECHAT_BODY)
    headers = {**genuine, **changes}
    is_same = headers == genuine

    assert is_forged(channels[PayType.WECHAT], WECHAT_BODY, headers) != is_same


@fuzz
@given(st.dictionaries(st.sampled_from(list(side.ALIPAY_NOTICE)), VALUES, min_size=1))
def test_nonsense_under_alipays_own_signature(channels, changes):
    """Signed by the right key: noted or paid as it stands there, or Forged; never a crash."""
    is_forged(channels[PayType.ALIPAY], side.body(side.alipay_fields(**_encodable(changes))), {})


@fuzz
@given(st.dictionaries(st.sampled_from(list(side.UNIONPAY_NOTICE)), VALUES, min_size=1))
def test_nonsense_under_unionpays_own_signature(channels, changes):
    fields = side.unionpay_fields(**_encodable(changes))

    is_forged(channels[PayType.UNIONPAY], side.body(fields), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@fuzz
@given(st.dictionaries(st.sampled_from(list(side.wechat_transaction())), JSON, min_size=1))
def test_nonsense_under_wechats_own_signature(channels, changes):
    body = side.wechat_body(side.wechat_transaction(**changes))

    is_forged(channels[PayType.WECHAT], body, side.wechat_headers(body))


@fuzz
@given(st.sampled_from([PayType.ALIPAY, PayType.UNIONPAY]), st.text() | JSON.map(json.dumps))
def test_results(channels, pay_type, result):
    with pytest.raises(Forged):
        channels[pay_type].result(order(), result)


def _encodable(changes: dict[str, str]) -> dict[str, str]:
    return {name: value.encode(errors="replace").decode() for name, value in changes.items()}
