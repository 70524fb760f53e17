"""docs/api-guide.md: its chat server runs, its figures are those in force; what a terminal shows of
events and codes."""

import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit.http import throttle
from packets.states import Kind
from testing import make

GUIDE = (Path(__file__).parents[2] / "docs" / "api-guide.md").read_text()
SERVER = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1]


def test_the_chat_server_of_the_guide_says_what_happens(live):
    make.make_wallet("alice", "1.00")
    env = os.environ | {"HONGBAO_URL": live, "HONGBAO_KEY": settings.REDPACKET_SERVICE_KEY}
    chat = subprocess.Popen(
        [sys.executable, "-c", SERVER], env=env | {"PYTHONUTF8": "1"}, text=True,
        stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        assert chat.stdout.readline() == "listening\n"
        packet = make.make_paid_packet(Kind.EQUAL, 2, "0.50")
        for user in ("bob", "alice"):
            make.user(user).post(f"packets/{packet.public_id}/grab", key="")
        said = [chat.stdout.readline().strip() for _ in range(3)]
    finally:
        chat.kill()
        chat.wait()
        chat.stdout.close()

    assert said == [
        "小爱：[红包] 恭喜发财，大吉大利",
        "阿宝领取了小爱的红包",
        "小爱领取了小爱的红包",
    ]
    lines = [line for line in SERVER.splitlines() if line.strip()]
    assert len(lines) <= 40


@pytest.mark.once
def test_the_guides_figures_are_those_in_force():
    found = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", GUIDE, re.MULTILINE)

    assert [(int(per_s), int(at_once)) for _, per_s, at_once in found] == [
        (rate.per_s, rate.per_s * throttle.BURST_S)
        for rate in (throttle.GRAB, throttle.POST, throttle.GET)
    ]


def test_a_refusal_for_haste_says_what_is_allowed(settings):
    settings.REDPACKET_THROTTLE = True
    alice = make.user("alice")
    answers = [alice.post("packets", {}) for _ in range(9)]
    late = next(answer for answer in answers if answer.status_code == 429)

    assert late["RateLimit-Policy"] == '"post";q=6;w=3'
    assert late["RateLimit"] == f'"post";r=0;t={late["Retry-After"]}'


def test_an_answer_says_what_is_left_but_for_a_grabs(settings):
    settings.REDPACKET_THROTTLE = True
    packet = make.make_paid_packet()
    bob = make.user("u1")

    first, second = bob.get("wallet"), bob.get("wallet")
    refused = bob.post("packets", {})
    won = bob.post(f"packets/{packet.public_id}/grab", key="")

    assert first["RateLimit-Policy"] == second["RateLimit-Policy"] == '"get";q=60;w=3'
    assert first["RateLimit"] == '"get";r=59'
    assert second["RateLimit"] in ('"get";r=58', '"get";r=59')
    assert (refused.status_code, refused["RateLimit"]) == (400, '"post";r=5')
    assert won.status_code == 200 and "RateLimit" not in won


def test_a_terminal_shows_events(live):
    packet = make.make_paid_packet()
    written = StringIO()
    call_command("tail-events", "--after=0", "--types=packet.issued", "--once", stdout=written)
    (line,) = written.getvalue().splitlines()

    assert json.loads(line)["type"] == "packet.issued"
    assert json.loads(line)["data"]["packet"] == packet.public_id
    nothing = StringIO()
    call_command("tail-events", "--once", stdout=nothing)
    assert nothing.getvalue() == ""
    with pytest.raises(CommandError):
        call_command("tail-events", "--after=soon", "--once")


@pytest.mark.once
def test_a_terminal_shows_the_code_of_development_staff():
    user = get_user_model().objects.create_user("support", is_staff=True)
    device = TOTPDevice.objects.create(user=user, name="demo", confirmed=True)
    written = StringIO()
    call_command("totp", "support", stdout=written)
    code, link = written.getvalue().splitlines()

    assert int(code) in {totp(device.bin_key, drift=drift) for drift in (-1, 0)}
    assert link.startswith("otpauth://totp/") and "secret=" in link
    with pytest.raises(CommandError):
        call_command("totp", "nobody")
