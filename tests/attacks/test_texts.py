"""What strangers write is shown to people as text, and steers nothing."""

import csv
import gc
import io
import json
import logging
from argparse import ArgumentTypeError
from datetime import date
from importlib import import_module

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import (
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)
from django.test import Client
from rest_framework import serializers

from kit.http.api import StrictSerializer, TextField
from kit.plumbing import logs, texts
from office.export import sheets
from office.export.sheets import Column
from office.frame.actions import ReasonForm
from office.frame.reason import ReasonField
from office.models import StaffEvent
from office.pages.payments.refund_acts import RefundForm
from office.pages.wallets.adjustment_acts import AdjustmentForm
from packets import profiles
from packets.models import RedPacket
from payments import bills
from payments.states import PayType
from testing.make import make_group, service, user

OURS = ("h5", "packets", "payments", "wallets", "kit", "office", "sandbox", "redpacket_site")
STEERING = [
    "\x1b[31m红",
    "a\x9b31mb",
    "\u202e00.1",
    "a\u2066b",
    "a\u2028b",
    "a\u2029b",
    "a\x7f",
    "a\nb",
]
NUMBERS = (
    *("007", "1e5", "1E+5", "1-2", "12:30", "1.10", "0", "3/4", ".5", "1,000", "50%", "¥5", "(5)"),
    *("MAR1", "1-Mar", "Sept2", "12:30PM", "１２", "2026年1月2日", "上午9:00", "TRUE"),
    "20261125123456789012",
)
HONEST = [
    "👨\u200d👩\u200d👧\u200d👦 恭喜",
    "🏴\U000e0067\U000e0062\U000e007f",
    "❤\ufe0f",
    "שלום\u200f",
    "a b",
]


def send(intro: str):
    make_group("alice", "bob")
    wish = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "1.00", "intro": intro}
    return user("alice").post("packets", wish, key="k")


def put_profile(**profile: str):
    return service().put("service/profiles/bob", {"nickname": "", "avatar": "", **profile})


@pytest.mark.once
@pytest.mark.parametrize("intro", STEERING)
def test_a_greeting_that_steers_is_refused(intro):
    answer = send(intro)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["intro"])
    assert not RedPacket.objects.exists()


@pytest.mark.parametrize("intro", HONEST)
def test_an_honest_greeting_stays_as_it_was_written(intro):
    assert send(intro).json()["intro"] == intro


@pytest.mark.once
@pytest.mark.parametrize("nickname", STEERING)
def test_a_nickname_that_steers_is_refused(nickname):
    assert put_profile(nickname=nickname).status_code == 400


@pytest.mark.once
@pytest.mark.parametrize(
    "avatar",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example/a.png",
        "https:evil.example",
        "https://",
        "https://a.example/\u202egnp.exe",
        "https://a.example/a.png\\@b",
        'https://a.example/"onerror=x',
        "https://[a",
        "ftp://a.example/a.png",
    ],
)
def test_an_avatar_is_an_address_of_the_web(avatar):
    assert put_profile(avatar=avatar).status_code == 400


@pytest.mark.parametrize(
    "avatar", ["", "http://a.example/a.png", "https://a.example:8443/红.png?x=1"]
)
def test_an_address_of_the_web_is_an_avatar(avatar):
    assert put_profile(avatar=avatar).status_code == 204
    assert profiles.people(["bob"])["bob"]["avatar"] == (avatar or None)


def test_a_line_of_the_log_steers_no_terminal():
    said = "红\x1b\x9b\u202e\u2028\u2029\u2066\x7f"
    record = logging.makeLogRecord({"msg": said, "levelname": "INFO", "name": "x"})

    lines = [logs.formatter().format(record), logs._request_line({"path": said, "timestamp": 0})]

    for line in lines:
        assert not set(line) & set(said[1:])
        assert "红" in line
        assert said in json.loads(line).values()


@pytest.mark.once
@pytest.mark.parametrize("text", NUMBERS)
def test_a_cell_of_text_stays_text(text):
    """007 was 7 in Excel, 1-2 the second of January."""
    columns = [Column("user", lambda row: row)]

    [[cell]] = csv.reader(io.StringIO(sheets.csv_rows(columns, [text]).decode()))

    assert cell == f"{text}\t"
    assert 't="inlineStr"' in sheets.xlsx_rows(columns, [text], 2).decode()


@pytest.mark.once
@pytest.mark.parametrize(
    "text", ["u1", "hb22k7", "1st", "alice", "rp_2a", "decide1x", "market", "恭喜发财", "7up"]
)
def test_what_no_spreadsheet_changes_stays_bare(text):
    [[cell]] = csv.reader(io.StringIO(sheets.csv_rows([Column("x", str)], [text]).decode()))

    assert cell == text


def test_a_reason_that_steers_is_refused():
    for form in (ReasonForm, AdjustmentForm, RefundForm):
        reason = form.base_fields["reason"]
        assert reason.clean("因为\r\n第二行") == "因为\r\n第二行"
        with pytest.raises(ValidationError):
            reason.clean("abc\u202e")


@pytest.mark.once
def test_a_commands_reason_is_plain_and_fits_where_it_is_kept():
    asked = set()
    for name, app in get_commands().items():
        if isinstance(app, str) and app.partition(".")[0] in OURS:
            parser = load_command_class(app, name).create_parser("manage.py", name)
            for given in (each for each in parser._actions if each.dest == "reason"):
                asked.add(name)
                for bad in ("\x1b[2J", " ", "x" * 256):
                    with pytest.raises(ArgumentTypeError):
                        given.type(bad)

    assert asked >= {"freeze", "unfreeze", "stop_staff", "invite_staff", "erase_person"}
    with pytest.raises(CommandError):
        call_command("freeze", "wallet", "bob", reason="\x1b[2J")


# Texts that are none for people, and why nothing in them can steer anybody.
NOT_FOR_PEOPLE = {
    "ReportSerializer.result": "a channel's signed words: verified, and neither kept nor shown",
    "AdjustmentForm.user_id": "an id, or there is no such wallet",
    "RefundForm.order_no": "a number of ours, or there is no such order",
    "SignInForm.password": "compared, and neither kept nor shown",
    "SignInForm.otp_device": "the same",
    "SignInForm.otp_token": "the same",
    "SignInForm.otp_challenge": "the same",
    "JoinForm.new_password1": "the same",
    "JoinForm.new_password2": "the same",
    "JoinForm.token": "the same",
    "CodeForm.code": "the same",
}


def named(base: type) -> list[type]:
    """The subclasses that the product itself has, however deep."""
    found = [each for sub in base.__subclasses__() for each in (sub, *named(sub))]
    return [each for each in found if each.__module__.partition(".")[0] in OURS]


def children(field: serializers.Field) -> list[serializers.Field]:
    child = getattr(field, "child", None)
    return [field, *(children(child) if child else [])]


def requests() -> list[tuple[str, serializers.Field]]:
    return [
        (f"{serializer.__name__}.{name}", each)
        for serializer in named(StrictSerializer)
        for name, field in serializer().fields.items()
        for each in children(field)
        if isinstance(each, serializers.CharField)
    ]


def written_by_staff() -> list[tuple[str, forms.Field]]:
    return [
        (f"{form.__name__}.{name}", field)
        for form in named(forms.Form)
        for name, field in form.base_fields.items()
        if type(field) in (forms.CharField, ReasonField)
        and not isinstance(field.widget, forms.HiddenInput)
    ]


def takes(check, value: str) -> bool:
    try:
        check(value)
    except (ValidationError, serializers.ValidationError):
        return False
    return True


@pytest.mark.once
def test_every_text_that_comes_in_is_checked():
    """Whatever field a request or a form gets next: nothing that steers passes it."""
    import_module(settings.ROOT_URLCONF)  # and with it every door
    import_module("office.accounts.doors")
    fields = {name: field.run_validation for name, field in requests()}
    fields |= {name: field.clean for name, field in written_by_staff()}

    loose = {
        name
        for name, check in fields.items()
        if any(takes(check, f"abc{steers}".strip()) for steers in ("\x1b[2J", "\x9b", "\u202e00.1"))
    }

    assert {"SendSerializer.intro", "ProfileSerializer.nickname"} <= set(fields)
    assert "ReasonForm.reason" in fields
    assert loose == set(NOT_FOR_PEOPLE)


def test_a_field_that_nobody_checks_is_found():
    class Loose(StrictSerializer):
        __module__ = "packets.loose"
        nickname = TextField(max_length=64)

    try:
        assert takes(dict(requests())["Loose.nickname"].run_validation, "abc\u202e")
    finally:
        del Loose
        gc.collect()


def test_what_a_stranger_calls_himself_at_the_log_in_steers_no_reader():
    Client().post(
        "/admin/login/",
        {"username": "lin\u202enimda\x9b", "password": "x"},
        headers={"User-Agent": "Mozilla\x1b]0;"},
    )

    event = StaffEvent.objects.latest("pk")
    assert texts.is_plain(event.username), event.username
    assert texts.is_plain(event.agent), event.agent


def test_a_row_of_a_bill_that_steers_is_shown_as_escapes():
    content = "交易时间,微信订单号,商户订单号,订单金额,申请退款金额\n`\u202e,`\x9b,`,`,`\n".encode()

    [row] = bills.read(PayType.WECHAT, content, date(2026, 11, 20))

    assert row.odd
    assert texts.is_plain(row.odd), row.odd
