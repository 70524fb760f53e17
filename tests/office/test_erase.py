"""A person is erased: nothing in any column of the database tells of him, the books are what they
were, and every seal holds."""

import json
import zlib
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import timezone

from kit import pause, pseudonyms
from kit.http.caller import Caller
from kit.ids import is_outside_id
from kit.plumbing import redis
from office import erase
from office.export import jobs
from office.frame import staff
from office.models import ExportJob, ExportPart, SavedFilter, StaffAction
from packets import pay, profiles, refund
from packets.models import GroupMember, RedPacket, Share, YearSoFar
from packets.states import Kind
from packets.years import bounds
from payments.models import Case, Notification
from payments.states import CaseKind, CaseStatus, NoticeOutcome, PayType
from payments.tests.conftest import offer
from testing.forks import in_threads
from testing.make import (
    confirm,
    make_group,
    make_packet,
    make_paid_packet,
    make_topup,
    make_wallet,
    user,
)
from wallets import adjust, audit, daily, freeze, statement
from wallets.accounts import PLATFORM
from wallets.models import AuditRun, LedgerLine, Wallet

EVE, NICKNAME, GREETING = "eve:7f3a9@chat", "伊芙🌸ψ", "只给你的生日惊喜"
# Her id with something before or behind it is somebody else's.
OTHERS = ["x" + EVE, EVE + "2", EVE + ".b", "a." + EVE]

# Columns of text that name nobody of the chat platform: machines' words, keys and numbers of ours
# and of channels, names of groups, what staff are called, and other programs' tables.
NOBODY = {
    "kit.idempotencyrecord": "key fingerprint request_id",
    "kit.event": "type",
    "kit.credentials": "fingerprint",
    "kit.duty": "lease name",
    "kit.heartbeat": "name",
    "kit.filling": "name place",  # at most a key that a walk has just passed
    "wallets.ledgerline": "reference",
    "wallets.adjustment": "reference",
    "wallets.dailyfigure": "source target",  # wallets together
    "wallets.seal": "table digest seal",
    "payments.paymentorder": "lease order_no purpose reference scene merchant trade_no open_key",
    "payments.notification": "outcome merchant order_no trade_no digest address",
    "payments.case": "kind reference order_no trade_no",
    "payments.channelrefund": "lease refund_no their_no order_no trade_no open_key",
    "payments.trade": "trade_no",
    "payments.bill": "lease",
    "payments.apart": "number order_no",
    "packets.redpacket": "public_id trade_no commitment seed",
    "packets.settlementpass": "lease",
    "packets.group": "group_id",
    "office.tries": "key kind username address",
    "office.accountchange": "kind role role_before reason open_key",
    "office.invitation": "link code",
    "office.recoverycode": "digest",
    "office.staffaction": "action model once ip",
    "office.staffevent": "kind username ip agent",
    "office.exportjob": "lease token model format language written",
    "office.savedfilter": "model",
}
OTHER_PROGRAMS = {"auth", "contenttypes", "sessions", "django_celery_beat", "otp_totp", "sandbox"}
# Columns that erase.py knows by name, beside its tables.
BY_NAME = {
    "packets.redpacket": "for_id intro frozen_reason",
    "packets.share": "user_id for_user",
    "wallets.wallet": "user_id frozen_reason",
    "wallets.openingbalance": "user_id",
    "wallets.ledgerline": "note",
    "payments.paymentorder": "pay_params",
    "payments.notification": "headers body",
    "office.exportpart": "body",
    "office.staffaction": " ".join(erase.SEALED),
}


def text_columns(model) -> set[str]:
    kinds = models.CharField | models.TextField | models.JSONField | models.BinaryField
    kinds |= models.GenericIPAddressField
    return {field.name for field in model._meta.concrete_fields if isinstance(field, kinds)}


def dealt_with(model) -> set[str]:
    if model in erase.DROPPED:
        return text_columns(model)
    tables = (erase.IDS, erase.ACCOUNTS, erase.WORDS, erase.TOLD, erase.NOTED)
    of_tables = (table.get(model, ()) for table in tables)
    by_name = BY_NAME.get(model._meta.label_lower, "").split()
    return {*by_name, *(column for columns in of_tables for column in columns)}


@pytest.mark.once
def test_every_column_of_text_is_erased_or_names_nobody():
    loose = [
        f"{model._meta.label_lower}.{column}"
        for model in apps.get_models()
        if not model._meta.proxy and model._meta.app_label not in OTHER_PROGRAMS
        for column in text_columns(model)
        - dealt_with(model)
        - set(NOBODY.get(model._meta.label_lower, "").split())
    ]

    assert loose == []


# --- her life


def ago(**by) -> datetime:
    return timezone.now() - timedelta(**by)


def colleague(name: str) -> int:
    return get_user_model().objects.create_user(name, is_staff=True).pk


def lived(monkeypatch) -> None:
    """She was in groups, paid, sent, took, was frozen and put right, and is through with it all;
    the days are closed and sealed."""
    offer(monkeypatch, PayType.ALIPAY)
    make_group("alice", EVE, *OTHERS)
    profiles.put(user_id=EVE, nickname=NICKNAME, avatar=f"https://pictures.example/{EVE}.png")
    order = make_topup("20.00", user_id=EVE)
    assert confirm(order, timezone.now())
    Notification.objects.create(
        pay_type=PayType.ALIPAY,
        body=f"buyer={EVE}".encode(),
        headers={"x": EVE},
        outcome=NoticeOutcome.CONFIRMED,
        says=f"{EVE}: paid",
        order_no=order.order_no,
        created_at=timezone.now(),
    )
    body = {"type": "lucky", "for_id": "g1", "number": 2, "total_money": "10.00"}
    sent = user(EVE).post("packets", body | {"intro": GREETING}).json()
    assert user(EVE).post(f"packets/{sent['id']}/pay", {"pay_type": "balance"}).status_code == 200
    for taker in ("alice", OTHERS[0]):
        assert grabs(taker, sent["id"]) == "grabbed"
    hers = make_paid_packet(Kind.PERSONAL, 1, "3.00", for_id=EVE)
    both = make_paid_packet(Kind.EXCLUSIVE, for_users=[EVE, OTHERS[1]])
    assert grabs(EVE, hers.public_id) == grabs(EVE, both.public_id) == "grabbed"
    assert grabs(OTHERS[1], both.public_id) == "grabbed"
    late = make_packet(Kind.EQUAL, 2, "1.00", sender=EVE, now=ago(days=3))
    make_paid(late)
    spend_the_rest()
    noted_by_staff()
    begin = bounds(timezone.localdate().year)[0]
    YearSoFar.objects.create(user_id=EVE, year=begin.year, until=begin)
    LedgerLine.objects.update(created_at=ago(days=4))
    StaffAction.objects.update(created_at=ago(days=4))
    daily.close_days(now=ago(days=2))
    assert audit.run(now=timezone.now(), counts_all=True) == []


def make_paid(packet: RedPacket) -> None:
    """Long ago, and its rest has gone back."""

    pay.by_balance(public_id=packet.public_id, caller=Caller(EVE), now=packet.add_time)
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())


def spend_the_rest() -> None:
    made = adjust.propose(
        user_id=EVE,
        amount=statement.balance(EVE).balance,
        is_credit=False,
        other=PLATFORM,
        reason=f"{NICKNAME} ({EVE}) 账号注销",
        maker_id=colleague("m"),
        now=timezone.now(),
    )
    adjust.approve(reference=made.reference, checker_id=colleague("c"), now=timezone.now())


def noted_by_staff() -> None:
    now, person = timezone.now(), get_user_model().objects.get(username="m")
    for verb in (freeze.freeze, freeze.unfreeze):
        wallet = Wallet.objects.get(pk=EVE)
        note = staff.Note(person, verb.__name__, wallet, reason=f"{EVE} asked", changes={"to": EVE})
        verb(user_id=EVE, reason=f"as {NICKNAME} asked", now=now, also=note)
    Case.objects.create(
        kind=CaseKind.GIVEN_BACK,
        reference="alipay:t-1",
        pay_type=PayType.ALIPAY,
        amount=Decimal("1.00"),
        held=0,
        says=f"row 1: {EVE}",
        status=CaseStatus.RESOLVED,
        resolution=f"{NICKNAME}, wallet:{EVE}.",
        created_at=now,
    )
    job = ExportJob.objects.create(
        token="t", user=person, model="wallets.wallet", query=f"q={EVE}", format="csv",
        language="en", state=ExportJob.State.DONE, last=EVE, created_at=now, done_at=now,
    )  # fmt: skip
    ExportPart.objects.create(job=job, number=1, body=EVE.encode())
    SavedFilter.objects.create(
        user=person, model="wallets.wallet", name=NICKNAME, query="q=eve%3A7f3a9%40chat"
    )
    AuditRun.objects.create(
        began_at=now, took_ms=1, rules=1, findings=1, says=[f"rule: wallet {EVE}: balance 1.00"]
    )


def grabs(taker: str, public_id: str) -> str:
    return user(taker).post(f"packets/{public_id}/grab").json()["outcome"]


def places_of(*words: str) -> set[str]:
    """Columns of the whole database, of whatever type, in which one of these words stands."""
    needles = {form for word in words for form in (word, json.dumps(word)[1:-1])}
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    text = bytes(value).decode(errors="replace") if _is_raw(value) else str(value)
                    if any(_without_others(text).find(needle) >= 0 for needle in needles):
                        found.add(f"{table}.{name}")
    return found


def _is_raw(value) -> bool:
    return isinstance(value, bytes | memoryview)


def _without_others(text: str) -> str:
    for other in OTHERS:
        text = text.replace(other, "")
    return text


def erased(reason: str = "her letter of today") -> str:
    call_command("erase_person", EVE, reason=reason)
    return pseudonyms.of(EVE)


# --- what is left of it


def test_nothing_tells_of_her_and_the_books_are_what_they_were(monkeypatch, capsys):
    lived(monkeypatch)
    before = places_of(EVE, NICKNAME, GREETING)
    assert len(before) > 25, before
    lines = LedgerLine.objects.order_by("pk").values_list("kind", "reference", "amount")
    books, figures = list(lines), daily.held(daily.last_closed())
    others = {name: statement.balance(name) for name in ("alice", *OTHERS)}

    name = erased()

    assert name in capsys.readouterr().out
    assert not is_outside_id(name), "nobody of the chat platform is called so"
    assert places_of(EVE, NICKNAME, GREETING) == set()
    assert (list(lines), daily.held(daily.last_closed())) == (books, figures)
    assert {name: statement.balance(name) for name in ("alice", *OTHERS)} == others
    assert audit.audit(counts_all=True) == []
    assert audit.audit(since=daily.last_closed().day) == []
    assert GroupMember.objects.filter(user_id__in=OTHERS).count() == len(OTHERS)
    assert StaffAction.objects.get(action="erase_person").key == name
    if redis.is_configured():
        keys = redis.call(lambda r: [*r.scan_iter("packet:*"), *r.scan_iter("group:*")])
        assert keys, "of others"
        for key in keys:
            told = redis.call(lambda r, key=key: r.dump(key) or b"").decode("latin-1")
            assert EVE not in _without_others(told), key


def test_twice_is_once_and_who_comes_back_is_erased_again(monkeypatch):
    lived(monkeypatch)
    name = erased()
    rows = LedgerLine.objects.count()

    assert erased("once more") == name
    make_group("alice", EVE, group_id="g9")
    again = make_paid_packet(Kind.PERSONAL, 1, "2.00", for_id=EVE)
    assert grabs(EVE, again.public_id) == "grabbed"
    with pytest.raises(CommandError, match="money in his wallet"):
        erased()
    monkeypatch.setattr(get_user_model().objects, "create_user", existing)
    spend_the_rest()
    assert erased() == name

    assert places_of(EVE) == set()
    assert LedgerLine.objects.count() > rows
    assert audit.audit(counts_all=True) == []


def existing(name: str, **_):
    return get_user_model().objects.get(username=name)


def test_not_while_something_is_going_on(monkeypatch):
    offer(monkeypatch, PayType.ALIPAY)
    make_group("alice", EVE)
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    assert grabs(EVE, packet.public_id) == "grabbed"
    make_topup("5.00", user_id=EVE)

    with pytest.raises(CommandError) as said:
        erased()

    for reason in ("money in his wallet", "share of is not over", "payment of his is not decided"):
        assert reason in str(said.value)
    assert Share.objects.filter(user_id=EVE).exists()
    assert not Wallet.objects.get(pk=EVE).is_frozen


def test_not_while_somebody_has_frozen_him():
    make_wallet(EVE, "1.00")
    freeze.freeze(user_id=EVE, reason="the court", now=timezone.now())

    with pytest.raises(CommandError, match="is frozen"):
        erased()

    assert Wallet.objects.get(pk=EVE).frozen_reason == "the court"


# --- races


def written_while_she_is_erased(monkeypatch) -> ExportJob:
    """A worker has read a page of wallets, hers among them, and writes it afterwards."""
    lived(monkeypatch)
    boss = get_user_model().objects.create_superuser("boss")
    job = ExportJob.objects.create(
        token="u", user=boss, model="wallets.wallet", format="csv", language="en",
        first="alice", run_at=timezone.now(), created_at=timezone.now(),
    )  # fmt: skip

    def read_then_erased(*given, pages=jobs.pages):
        for page, seen_until in pages(*given):
            if EVE in {row.pk for row in page}:
                erased()
            yield page, seen_until

    monkeypatch.setattr(jobs, "pages", read_then_erased)
    jobs.write(job_id=job.pk, now=timezone.now())
    return ExportJob.objects.get(pk=job.pk)


def test_a_file_that_is_being_written_does_not_bring_her_back(monkeypatch):
    job = written_while_she_is_erased(monkeypatch)

    assert job.state == ExportJob.State.GONE
    assert not ExportPart.objects.exists()


def test_a_file_that_is_being_written_does_not_bring_her_back_without_the_guard(monkeypatch):
    """The worker keeps its lease: she is in a file that can be downloaded."""
    take_over = {"state": ExportJob.State.GONE, "run_at": None}
    monkeypatch.setattr(erase, "drop_exports", lambda now: ExportJob.objects.update(**take_over))

    job = written_while_she_is_erased(monkeypatch)

    assert job.state == ExportJob.State.DONE
    parts = ExportPart.objects.filter(job=job)
    assert any(EVE.encode() in zlib.decompress(part.body) for part in parts)


def erased_while_he_grabs() -> tuple[str | None, str | int]:
    """He grabs in the middle of it, and is looked for afterwards: what erase said, and the answer
    to the grab."""
    make_group("alice", EVE)
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    answers: list = []

    def grab() -> None:
        answers.extend(in_threads([lambda: user(EVE).post(f"packets/{packet.public_id}/grab")]))

    said = None
    with pause.at("erase: has changed his shares", grab):
        try:
            erased()
        except CommandError as error:
            said = str(error)
    return said, answers[0].status_code


def test_a_grab_in_the_middle_of_it_is_refused(on_mariadb):
    said, status = erased_while_he_grabs()

    assert (said, status) == (None, 404), "he is in no group any more"
    assert places_of(EVE) == set()


def test_a_grab_in_the_middle_of_it_is_refused_without_the_guard(on_mariadb, monkeypatch):
    """The door is left open: his share names him after all."""
    monkeypatch.setattr(erase, "close_the_door", lambda user_id, now: None)
    make_wallet("bob", "1.00")

    said, status = erased_while_he_grabs()

    assert status == 200
    assert said or "red_packet_log.user_id" in places_of(EVE)
