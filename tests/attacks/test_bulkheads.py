"""Nothing costly on the grab's threads: so many wait, one more is told so at once, and a bystander
is answered. Each twin shows the thread that would wait, too."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string

from kit import outside
from kit.bulkhead import Bulkhead, Full
from office import roles
from office.accounts import changes, gate, passwords
from office.export import jobs as export
from office.export.files import FORMATS
from office.models import Invitation, StaffAction, StaffEvent, Tries
from packets import members
from payments.models import Bill, PaymentOrder
from redpacket_site import settings as product
from testing import desk
from testing.forks import forked, in_threads
from testing.make import make_paid_packet, make_wallet, user
from tests.attacks.silence import Held, kept_by
from wallets.models import Wallet

ROOT = Path(__file__).resolve().parents[2]
TOPUP = {"money": "1.00", "pay_type": "wechat", "scene": "native"}
WISH = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "1.00"}


def refused(answer) -> bool:
    """As api.md says, and as nothing else is."""
    return (
        answer.status_code == 503
        and answer.json()["code"] == "unavailable"
        and answer["Content-Type"] == "application/problem+json"
        and int(answer["Retry-After"]) > 0
    )


def busy_page(answer) -> bool:
    return (
        answer.status_code == 503
        and "Please try again in a few seconds." in answer.content.decode()
        and int(answer["Retry-After"]) > 0
    )


def bystander() -> bool:
    return user("bystander").get("wallet").status_code == 200


# --- payers at a silent gateway


@pytest.fixture
def gateway(keys, there) -> Held:
    return Held.by(there, 404)


def pays(at: int):
    return user(f"payer{at}").post("wallet/topups", TOPUP)


def test_a_payer_beyond_the_number_hears_no_at_once(gateway, there, settings):
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 2

    with kept_by(gateway, pays, 2) as said:
        assert refused(pays(2))
        assert bystander()
        assert PaymentOrder.objects.count() == 2, "who was refused left nothing behind"
    assert [answer.status_code for answer in said] == [503, 503]  # 404 and unsigned is no answer

    assert pays(3).status_code == 503
    assert len(there.asked) == 3, "the seats were let go"


def test_a_payer_beyond_the_number_waits_without_the_guard(gateway, there, settings):
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 100

    with kept_by(gateway, pays, 3):
        assert len(there.asked) == 3


def test_a_packets_payer_is_a_payer(gateway, settings):
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 1
    wish = {"type": "personal", "for_id": "bob", "single_money": "1.00"}
    draft = user("alice").post("packets", wish).json()["id"]

    with kept_by(gateway, pays, 1):
        answer = user("alice").post(f"packets/{draft}/pay", {"pay_type": "wechat", "scene": "app"})
        assert refused(answer)


def test_what_needs_no_call_needs_no_seat(gateway, settings):
    """Alipay's app and page orders are signed here, and made by the payer's device."""
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 1

    with kept_by(gateway, pays, 1):
        answer = user("bob").post("wallet/topups", TOPUP | {"pay_type": "alipay", "scene": "app"})
        assert answer.status_code == 201


def test_staff_who_ask_are_told_and_nothing_is_noted(gateway, settings):
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 1
    sitting = desk.staff(roles.SUPPORT)

    with kept_by(gateway, pays, 1):
        answer = sitting.act(PaymentOrder.objects.get(), "ask_channel")
        shown = sitting.get(answer["Location"]).content.decode()
    assert "does not answer at the moment" in shown
    assert not StaffAction.objects.filter(action="ask_channel").exists()


def test_a_worker_needs_no_seat(gateway, settings):
    """It has a process for each call, and no request waits behind it."""
    settings.REDPACKET_CHANNEL_CALLS_AT_ONCE = 1

    with kept_by(gateway, pays, 1), outside.Line("x", members.line.seats).taken():
        assert not outside.somebody_waits()


# --- log-ins


class _AsLongAsTheTestLikes(MD5PasswordHasher):
    held: Held

    def encode(self, password, salt):
        self.held.keep()
        return super().encode(password, salt)


class Slow(passwords.Bounded, _AsLongAsTheTestLikes):
    pass


@pytest.fixture
def hashing(settings, monkeypatch) -> Held:
    monkeypatch.setattr(_AsLongAsTheTestLikes, "held", Held(), raising=False)
    settings.PASSWORD_HASHERS = [f"{__name__}.Slow"]
    return _AsLongAsTheTestLikes.held


def logs_in(at: int):
    client = Client(headers={"Accept-Language": "en"}, raise_request_exception=False)
    form = {"username": f"nobody{at}", "password": "guess", "otp_token": "000000"}
    return client.post("/admin/login/", form)


def test_a_log_in_beyond_the_number_hears_no_at_once(hashing):
    with kept_by(hashing, logs_in, 1) as said:
        assert busy_page(logs_in(1))
        assert bystander()
        assert not StaffEvent.objects.exists(), "it was not looked at, so it has not failed"
    assert said[0].status_code == 200
    assert [event.username for event in StaffEvent.objects.all()] == ["nobody0"]
    assert logs_in(2).status_code == 200


def test_a_log_in_beyond_the_number_hashes_without_the_guard(hashing, settings):
    settings.REDPACKET_PASSWORDS_AT_ONCE = 100

    with kept_by(hashing, logs_in, 2) as said:
        assert said == [None, None]


def invitation() -> tuple[str, str]:
    now = timezone.now()
    _user, word, code = changes.invite_by_operator(username="nora", role=roles.SUPPORT, now=now)
    return f"/admin/join/{word}/", code


@pytest.fixture
def newcomer(real_database, settings) -> tuple[desk.Desk, str, str]:
    """Somebody to change his password, and an invitation's link and code."""
    slow = settings.PASSWORD_HASHERS
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    checker = desk.staff(roles.CHECKER)
    settings.PASSWORD_HASHERS = slow
    about = {"username": "nora", "role": roles.SUPPORT, "now": timezone.now()}
    _user, word, code = changes.invite_by_operator(**about)
    return checker, f"/admin/join/{word}/", code


GUESS = {"old_password": "guess", "new_password1": "x", "new_password2": "y"}


def tries_used() -> list:
    return [*Tries.objects.values_list("used", flat=True), Invitation.objects.get().tries]


def test_a_new_password_beyond_the_number_uses_up_no_try(hashing, newcomer):
    checker, link, code = newcomer

    with kept_by(hashing, logs_in, 1):
        before = tries_used()
        for _ in range(6):
            assert busy_page(checker.post("/admin/password_change/", GUESS))
            assert busy_page(Client(headers={"Accept-Language": "en"}).post(link, {"code": code}))
        assert tries_used() == before
    assert checker.post("/admin/password_change/", GUESS).status_code == 200
    assert Client().post(link, {"code": code}).status_code == 302


def test_a_new_password_beyond_the_number_uses_up_a_try_without_the_gate(
    hashing, newcomer, monkeypatch
):
    checker, link, code = newcomer
    monkeypatch.setattr(gate, "HASHING", ("/admin/login/",))

    with kept_by(hashing, logs_in, 1):
        before = tries_used()
        assert busy_page(checker.post("/admin/password_change/", GUESS))
        assert Client().post(link, {"code": code}).status_code == 302
        assert sum(tries_used()) > sum(before)


def test_the_page_speaks_the_readers_language(hashing):
    with kept_by(hashing, logs_in, 1):
        client = Client(headers={"Accept-Language": "zh-hans"})
        answer = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert "请过几秒再试" in answer.content.decode()


def test_wherever_else_a_password_is_hashed_the_number_holds(hashing):
    """At a change, for an account that somebody makes: the hash itself is what is counted."""
    with kept_by(hashing, logs_in, 1), outside.RequestUnderWay(), pytest.raises(Full):
        hashers.make_password("x")


def test_a_command_that_sets_a_password_is_not_refused(settings):
    settings.PASSWORD_HASHERS = ["office.accounts.passwords.Hasher"]

    with passwords.seats.seat():
        assert in_threads([lambda: hashers.make_password("x")])[0].startswith("pbkdf2")


class Dripping(io.BytesIO):
    """A body that takes its time: somebody else wants to log in meanwhile."""

    def __init__(self, body: bytes):
        super().__init__(body)
        self.others: list[bool] = []

    def read(self, *size):
        self.others += in_threads([lambda: busy_page(logs_in(1))])
        return super().read(*size)


def drips(body: Dripping):
    client = Client(headers={"Accept-Language": "en"}, raise_request_exception=False)
    about = {
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body.getvalue())),
        "wsgi.input": body,
    }
    return client.generic("POST", "/admin/login/", **about)


def test_who_sends_slowly_keeps_nobody_from_logging_in():
    body = Dripping(b"username=nobody0&password=guess&otp_token=000000")

    assert drips(body).status_code == 200
    assert body.others and not any(body.others)


def test_who_sends_slowly_keeps_the_seat_without_the_guard(monkeypatch):
    body, read, asked = Dripping(b"username=nobody0&password=guess"), WSGIRequest.body, []

    def read_later(request):
        """Not by the gate, who asks first, but by the form."""
        return read.fget(request) if asked else asked.append(request)

    monkeypatch.setattr(WSGIRequest, "body", property(read_later))

    drips(body)
    assert body.others and all(body.others)


def test_who_leaves_while_he_sends_is_no_fault():
    class Gone(io.BytesIO):
        def read(self, *size):
            raise OSError("connection reset")

    body = Gone(b"username=x&password=y")
    client = Client()  # what is not handled is raised here
    form = {"CONTENT_LENGTH": "20", "wsgi.input": body}
    assert client.generic("POST", "/admin/login/", **form).status_code == 400


def refused_in_another_process() -> bool:
    return forked(lambda: in_threads([lambda: busy_page(logs_in(1))])[0])


def test_one_is_hashed_on_the_whole_machine():
    """A core for each process would be all cores."""
    with passwords.seats.seat():
        assert refused_in_another_process() is True
    assert refused_in_another_process() is False


def test_one_is_hashed_in_each_process_without_the_guard(monkeypatch):
    seats = Bulkhead("passwords", "REDPACKET_PASSWORDS_AT_ONCE")
    monkeypatch.setattr(passwords, "seats", seats)

    with passwords.seats.seat():
        assert refused_in_another_process() is False


def test_every_hasher_of_the_product_is_bounded():
    for path in product.PASSWORD_HASHERS:
        assert issubclass(import_string(path), passwords.Bounded)
    django_s = hashers.PBKDF2PasswordHasher().encode("x", "salt")
    assert passwords.Hasher().verify("x", django_s)


# --- the membership service


@pytest.fixture
def chat(there, settings) -> Held:
    settings.REDPACKET_MEMBERS_URL = there.url
    return Held.by(there, 204)


def test_a_grab_beyond_the_number_hears_no_in_a_moment(there, settings, chat, monkeypatch):
    settings.REDPACKET_MEMBERS_CALLS_AT_ONCE = 2
    monkeypatch.setattr(members.line.seats, "wait_s", 0)

    def sends(at: int):
        return user(f"u{at}").post("packets", WISH)

    with kept_by(chat, sends, 2):
        assert refused(sends(2))
        assert bystander()
    assert len([asked for asked in there.asked if asked.path.endswith("/u2")]) == 0


def test_a_grab_beyond_the_number_waits_without_the_guard(there, settings, chat):
    settings.REDPACKET_MEMBERS_CALLS_AT_ONCE = 100

    def sends(at: int):
        return user(f"u{at}").post("packets", WISH)

    with kept_by(chat, sends, 3):
        assert len(there.asked) == 3


def test_the_membership_service_is_asked_directly_and_heard_briefly(there, settings, monkeypatch):
    """No proxy of the environment, no redirect, no long answer."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    made = make_paid_packet(number=1, money="1.00")
    settings.REDPACKET_MEMBERS_URL = there.url

    def grabs(status: int, headers: dict, body: bytes = b""):
        caches["process"].clear()
        there.answer = lambda asked: (status, headers, body)
        return user("u1").post(f"packets/{made.public_id}/grab")

    assert refused(grabs(302, {"Location": f"{there.url}/elsewhere"}))
    assert refused(grabs(200, {}, b" " * 5000))
    assert not [asked for asked in there.asked if asked.path == "/elsewhere"]
    assert grabs(204, {}).json()["outcome"] == "grabbed"


# --- files


@pytest.fixture
def writing(monkeypatch) -> Held:
    held = Held()
    pages = export.pages

    def kept(*given):
        held.keep()
        return pages(*given)

    monkeypatch.setattr(export, "pages", kept)
    return held


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_beyond_the_number_hears_no_at_once(writing, format):
    make_wallet("bob", "1.00")
    sitting = desk.staff(roles.AUDITOR)

    def takes_out(at: int):
        return sitting.post(f"{desk.list_of(Wallet)}export/", {"format": format})

    with kept_by(writing, takes_out, 1) as said:
        assert busy_page(takes_out(1))
        assert bystander()
        assert StaffAction.objects.filter(action="export").count() == 1
    assert said[0].status_code == 200
    assert takes_out(2).status_code == 200


def test_an_export_beyond_the_number_is_written_without_the_guard(writing, settings):
    settings.REDPACKET_FILES_AT_ONCE = 100
    make_wallet("bob", "1.00")
    sitting = desk.staff(roles.AUDITOR)

    def takes_out(at: int):
        return sitting.post(f"{desk.list_of(Wallet)}export/", {"format": "csv"})

    with kept_by(writing, takes_out, 2) as said:
        assert said == [None, None]


def test_a_bill_beyond_the_number_is_not_read(keys):
    sitting = desk.staff(roles.MAKER)
    url = f"{desk.list_of(Bill)}new/upload_bill/"
    assert sitting.get(url).status_code == 200
    held = Held()

    def keeps(at: int):
        with export.files.seat():
            held.keep()

    with kept_by(held, keeps, 1):
        file = SimpleUploadedFile("bill.csv", b"x")
        answer = sitting.post(url, {"channel": "2", "day": "2026-01-02", "file": file})
        assert "try again" in answer.content.decode()
    assert not Bill.objects.exists()


# --- the numbers


def test_all_kinds_at_once_leave_a_thread_to_the_grab():
    """As many as each may, in a process that serves everything."""
    kinds = ("PASSWORDS", "CHANNEL_CALLS", "MEMBERS_CALLS", "FILES")
    example = (ROOT / ".env.example").read_text()
    taken = [
        int(re.search(rf"^REDPACKET_{kind}_AT_ONCE=(\d+)$", example, re.M)[1]) for kind in kinds
    ]
    commands = {
        path.name: re.findall(r"--blocking-threads (\d+)", path.read_text())
        for path in [*(ROOT / "deploy").iterdir(), ROOT / "ops/up.py"]
    }
    threads = [int(number) for found in commands.values() for number in found]

    assert {name for name, found in commands.items() if found} >= {"hongbao-web.service", "up.py"}
    assert sum(taken) < min(threads)
    assert taken == [getattr(product, f"REDPACKET_{kind}_AT_ONCE") for kind in kinds]
