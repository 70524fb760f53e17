"""Coming in and going: second factor, lock-out, session limits; each leaves a row."""

from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from packets import roles
from redpacket_site.kit.models import StaffEvent
from redpacket_site.office import signin
from tests.office import desk


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
    assert events() == [("code", "support")]


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


def test_repeated_failures_lock_the_account_for_the_right_password_too():
    sitting = somebody()
    limit = settings.AXES_FAILURE_LIMIT

    statuses = [sitting.log_in("", password="guess").status_code for _ in range(limit)]
    after = sitting.log_in(desk.code(sitting.user))

    assert statuses == [200] * (limit - 1) + [429]
    assert after.status_code == 429
    assert "locked" in after.content.decode()
    assert sitting.get("/admin/").status_code == 302
    assert sorted(events()) == [("failed", "support")] * (limit + 1) + [("locked", "support")] * 2


def test_wrong_codes_lock_like_wrong_passwords():
    sitting = somebody()

    for _ in range(settings.AXES_FAILURE_LIMIT):
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        last = sitting.log_in("000000")

    assert last.status_code == 429
    assert ("locked", "support") in events()


def test_behind_a_proxy_each_row_names_who_asked_and_only_he_is_locked_out(settings):
    settings.REDPACKET_PROXY_IP_HEADER = "HTTP_X_REAL_IP"
    sitting = somebody()

    def comes_from(ip: str, password: str = desk.PASSWORD, code: str = ""):
        said = f"198.51.100.7, {ip}"  # what stands before the proxy's own word is anybody's
        return sitting.log_in(code, password=password, headers={"X-Real-IP": said})

    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = comes_from("203.0.113.66", password="guess")
    own = comes_from("203.0.113.5", code=desk.code(sitting.user))

    assert last.status_code == 429
    assert own.status_code == 302
    rows = StaffEvent.objects.values_list("kind", "ip").distinct()
    assert set(rows) == {
        ("failed", "203.0.113.66"),
        ("locked", "203.0.113.66"),
        ("login", "203.0.113.5"),
    }


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
    page = auditor.get("/admin/kit/staffevent/").content.decode()

    assert "support" in page and "logged in" in page
    assert support.get("/admin/kit/staffevent/").status_code == 403
