"""Coming in and going: second factor, lock-out, session limits; each leaves a row."""

from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from office import roles
from office.accounts import signin, tries
from office.models import StaffEvent, Tries
from testing import desk

Kind = Tries.Kind
PAIR, ADDRESS, NAME = (tries.MOST[kind] for kind in (Kind.PAIR, Kind.ADDRESS, Kind.NAME))


def events() -> list[tuple[str, str]]:
    return list(StaffEvent.objects.order_by("pk").values_list("kind", "username"))


def somebody() -> desk.Desk:
    return desk.Desk(desk.account(roles.SUPPORT))


def test_both_factors_open_the_desk():
    sitting = somebody()

    sitting.log_in(desk.code(sitting.user))

    assert sitting.get("/admin/").status_code == 200
    assert events() == [("login", "support")]


def test_password_alone_does_not():
    sitting = somebody()

    answers = [sitting.log_in(""), sitting.log_in("000000")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert sitting.get("/admin/").status_code == 302
    assert events() == [("code", "support")] * 2


def test_a_code_serves_once():
    sitting = somebody()
    code = desk.code(sitting.user)
    sitting.log_in(code)
    sitting.post("/admin/logout/")

    again = sitting.log_in(code)

    assert again.status_code == 200
    assert events() == [("login", "support"), ("logout", "support"), ("code", "support")]


def test_a_device_out_of_use_opens_nothing():
    sitting = somebody()
    code = desk.code(sitting.user)
    TOTPDevice.objects.update(confirmed=False)

    assert sitting.log_in(code).status_code == 200
    assert sitting.get("/admin/").status_code == 302


def backdate(sitting: desk.Desk, key: str, seconds: int) -> None:
    session = sitting.session
    session[key] -= seconds
    session.save()


def test_an_idle_session_ends():
    sitting = desk.staff(roles.SUPPORT)

    backdate(sitting, signin.SEEN, settings.REDPACKET_STAFF_IDLE_S - 5)
    still = sitting.get("/admin/")
    backdate(sitting, signin.SEEN, settings.REDPACKET_STAFF_IDLE_S)
    ended = sitting.get("/admin/packets/redpacket/")

    assert still.status_code == 200
    assert ended.headers["Location"].startswith("/admin/login/?next=%2Fadmin%2Fpackets")
    assert sitting.get("/admin/").status_code == 302
    assert events() == [("login", "support"), ("timeout", "support")]


def test_a_busy_session_ends_as_well():
    sitting = desk.staff(roles.SUPPORT)

    backdate(sitting, signin.BEGAN, settings.REDPACKET_STAFF_SESSION_S)

    assert sitting.get("/admin/").status_code == 302
    assert events()[-1] == ("timeout", "support")


def test_the_auditor_reads_who_came(auditor, support):
    page = auditor.get("/admin/office/staffevent/").content.decode()

    assert "support" in page and "logged in" in page
    assert support.get("/admin/office/staffevent/").status_code == 403
