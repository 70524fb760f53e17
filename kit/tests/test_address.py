import pytest
from django.test import RequestFactory

from kit.http import address

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("header", "said", "connected", "expected"),
    [
        ("", "203.0.113.9", "10.0.0.1", "10.0.0.1"),  # no proxy is trusted: nobody is believed
        ("HTTP_X_REAL_IP", "203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("HTTP_X_REAL_IP", "1.1.1.1, 203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("HTTP_X_REAL_IP", "2001:DB8::1", "10.0.0.1", "2001:db8::1"),
        ("HTTP_X_REAL_IP", "::ffff:203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("HTTP_X_REAL_IP", "fe80::1%\x1b[2J", "10.0.0.1", "fe80::1"),
        ("", "203.0.113.9", "::FFFF:a00:1", "10.0.0.1"),
        ("HTTP_X_REAL_IP", "", "10.0.0.1", "10.0.0.1"),
        ("HTTP_X_REAL_IP", "unknown", "10.0.0.1", "10.0.0.1"),
        ("HTTP_X_REAL_IP", "1.1.1.1' OR 1=1", "", None),
        ("", "", "", None),
    ],
)
def test_where_a_request_comes_from(settings, header, said, connected, expected):
    settings.REDPACKET_PROXY_IP_HEADER = header
    request = RequestFactory().get("/", headers={"X-Real-IP": said}, REMOTE_ADDR=connected)

    assert address.of(request) == expected


def test_no_request_comes_from_nowhere():
    assert address.of(None) is None
