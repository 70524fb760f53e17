"""No log line, page or answer holds a secret; no path locks a row to read it."""

import base64
import json
import logging
import re
from io import StringIO

import pytest
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from kit import outside
from kit.plumbing import logs
from payments import channel_refund, send_refund
from payments.channels import config
from payments.models import ChannelRefund
from sandbox import keys
from tests.flows.channels.signer import form, wechat
from tests.flows.channels.story import Shop, both_passes, chase_time, void_time
from tests.flows.channels.test_notices import genuine, post


class Lines(logging.Handler):
    """Every record as the product's own formatter writes it, and all else that it holds."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        self.setFormatter(logs.formatter())

    def emit(self, record):
        self.said.append(f"{record.__dict__}")
        self.said.append(self.format(record))


@pytest.fixture
def lines(monkeypatch):
    """All that is logged, at the most talkative level."""
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.said
    root.removeHandler(handler)
    root.setLevel(level)


def secrets_of(folder) -> dict[str, str]:
    """Every private key's body, and the words in channels.json that open something."""
    found = json.loads((folder / "channels.json").read_text())
    secret = {
        "apiv3_key": found["wechat"]["apiv3_key"],
        "pfx password": found["unionpay"]["merchant_pfx_password"],
        "service key": settings.REDPACKET_SERVICE_KEY,
        "pfx": base64.b64encode((folder / "unionpay_merchant.pfx").read_bytes()).decode()[:60],
    }
    for file in folder.glob("*private*.pem"):
        secret[file.name] = file.read_text().splitlines()[3]
    return secret


def a_whole_story(shop: Shop) -> None:
    packet = shop.draft()
    order = shop.pay(packet)
    told = shop.paid(order, lag_s=60)
    shop.report(order, told["result"] or None)
    shop.grab(packet, "bob")
    shop.deliver()
    both_passes(packet)
    other = shop.draft()
    order = shop.pay(other)
    shop.paid(order, amount="1.00", inside=True)
    shop.report(order)
    shop.chase(order, void_time())
    refund, checker = ChannelRefund.objects.get(), User.objects.create_user(f"c-{shop.word}")
    now = timezone.now()
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=now)
    send_refund.send(refund_id=refund.pk, now=now)


def all_that_fails(shop: Shop, monkeypatch) -> None:
    """Forged, nonsense, a channel that is down, a crash in the middle."""
    packet = shop.draft()
    order = shop.pay(packet)
    message = genuine(shop, order)
    headers, _ = message
    post(shop, (headers, b"a=%ff"))
    is_wechat = shop.word == "wechat"  # signs no result, so that none can be wrong
    post(shop, wechat(b"{}") if is_wechat else form({"sign": "x"}))
    shop.report(order, "{}", 200 if is_wechat else 400)
    with monkeypatch.context() as broken:
        broken.setattr("payments.confirm.in_suspense", lambda _: 1 / 0)
        post(shop, message)
    with monkeypatch.context() as broken:
        broken.setattr(outside, "session_of_thread", lambda: _Down())
        shop.chase(order, chase_time(order))
        wish = {"pay_type": shop.word, "scene": "native"}
        answer = shop.phone("alice").post(f"packets/{shop.draft()}/pay", wish)
        assert answer.status_code == 503


class _Down:
    def request(self, method, url, **asked):
        raise requests.ConnectionError(f"{url} {asked}")


def test_no_secret_is_logged(shop, lines, channels_file, monkeypatch, capfd):
    a_whole_story(shop)
    all_that_fails(shop, monkeypatch)
    found = json.loads(channels_file.read_text())
    found["unionpay"]["merchant_pfx_password"] += "x"
    found["wechat"]["apiv3_key"] = found["wechat"]["apiv3_key"][:-1]
    short, wrong = found["wechat"]["apiv3_key"], found["unionpay"]["merchant_pfx_password"]
    secrets = secrets_of(channels_file.parent)
    channels_file.write_text(json.dumps(found))
    with pytest.raises(CommandError):
        call_command("channels", "check")
    config.kept.look_again()
    config.kept.current()

    written = capfd.readouterr()
    text = "\n".join([*lines, written.out, written.err])
    assert "notice_forged" in text
    assert "channel_down" in text
    assert "ZeroDivisionError" in text
    assert "the old settings stay in force" in text
    for name, secret in (secrets | {"short key": short, "wrong password": wrong}).items():
        assert secret not in text, name
    assert "WECHATPAY2-SHA256-RSA2048 " not in text
    assert not re.search(r"Authorization\W+(Bearer|WECHATPAY)", text)
    assert not re.search(r"Bearer ey", text)
    assert "PRIVATE KEY" not in text


def test_the_sandbox_tells_no_secret(shop, channels_file):
    shop.paid(shop.pay(shop.draft()), inside=True)
    pages = [
        requests.get(f"{shop.base}/sandbox/{page}", timeout=30).text
        for page in ("", "control/settings", "channels.json", "../keys/channels.json")
    ]

    for name, secret in secrets_of(channels_file.parent).items():
        assert not [page for page in pages if secret in page], name


def test_no_path_locks_a_row_to_read_it(shop, monkeypatch):
    """Every statement of every thread: the web's, the verbs', the sweeps'."""
    said: list[str] = []
    execute = CursorWrapper.execute

    def noted(self, sql, params=None):
        said.append(str(sql).upper())
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", noted)
    a_whole_story(shop)
    call_command("sweep", stdout=StringIO())

    for table in ("payments_paymentorder", "packets_settlementpass", "wallets_ledgerline"):
        assert any(table.upper() in sql for sql in said), table
    assert not [sql for sql in said if "FOR UPDATE" in sql or "SHARE MODE" in sql]


def test_keys_of_a_testers_own_are_used_and_never_overwritten(shops, channels_file):
    """The sandbox fills in what is missing beside them, and plays with what is there."""
    folder = channels_file.parent
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    call_command("sandbox_keys")
    shop = shops("alipay")
    packet = shop.draft()
    shop.paid(shop.pay(packet), inside=True)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert shop.packet(packet)["pay_status"] == "paid"
    assert keys.of("alipay")["app_id"] == json.loads(before["channels.json"])["alipay"]["app_id"]
