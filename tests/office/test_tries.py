"""Tries at a log-in: of a name, an address and both together; and who gives them back."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from office import roles
from office.accounts import tries
from office.models import StaffAction, StaffEvent, Tries
from testing import desk
from tests.office.test_signin import events, somebody

Kind = Tries.Kind
PAIR, ADDRESS, NAME = (tries.MOST[kind] for kind in (Kind.PAIR, Kind.ADDRESS, Kind.NAME))


def guess(sitting: desk.Desk, times: int, **more) -> list[int]:
    return [sitting.log_in("", password="guess", **more).status_code for _ in range(times)]


def test_repeated_failures_lock_the_account_for_the_right_password_too():
    sitting = somebody()

    statuses = guess(sitting, PAIR + 1)
    after = sitting.log_in(desk.code(sitting.user))

    assert statuses == [200] * PAIR + [429]
    assert after.status_code == 429
    assert 1 <= int(after.headers["Retry-After"]) <= 900
    assert "Too many failed attempts" in after.content.decode()
    assert sitting.get("/admin/").status_code == 302
    assert events() == [("failed", "support")] * PAIR + [("locked", "support")]


@pytest.mark.parametrize("code", ["", "000000", "no code at all"])
def test_the_right_password_without_the_right_code_is_a_failed_try(code):
    sitting = somebody()

    statuses = [sitting.log_in(code).status_code for _ in range(PAIR + 1)]

    assert statuses == [200] * PAIR + [429]
    assert events() == [("code", "support")] * PAIR + [("locked", "support")]


def test_who_knows_the_password_alone_shuts_nobodys_device():
    """By itself a device is shut for twice as long after each wrong code."""
    sitting = somebody()
    for _ in range(PAIR):
        sitting.log_in("000000", REMOTE_ADDR="203.0.113.66")

    assert sitting.log_in(desk.code(sitting.user)).status_code == 302


def test_coming_in_gives_the_tries_back():
    sitting = somebody()

    for _ in range(2):
        assert guess(sitting, PAIR - 1) == [200] * (PAIR - 1)
        TOTPDevice.objects.update(last_t=-1)
        assert sitting.log_in(desk.code(sitting.user)).status_code == 302
        sitting.post("/admin/logout/")

    assert Tries.objects.get(kind=Kind.PAIR).used == 0
    # Others at this address, or at this name, are given back nothing but the owner's own tries.
    assert Tries.objects.get(kind=Kind.ADDRESS).used == 2 * (PAIR - 1)


def test_behind_a_proxy_each_row_names_who_asked_and_only_he_is_locked_out(settings):
    settings.REDPACKET_PROXY_IP_HEADER = "HTTP_X_REAL_IP"
    sitting = somebody()

    def comes_from(ip: str, password: str = desk.PASSWORD, code: str = ""):
        said = f"198.51.100.7, {ip}"  # what stands before the proxy's own word is anybody's
        return sitting.log_in(code, password=password, headers={"X-Real-IP": said})

    for _ in range(PAIR + 1):
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


def test_an_address_has_a_limit_over_all_names():
    sitting = somebody()

    statuses = [
        sitting.post("/admin/login/", {"username": f"name{n}", "password": "guess"}).status_code
        for n in range(ADDRESS + 5)
    ]

    assert statuses == [200] * ADDRESS + [429] * 5
    assert sitting.log_in(desk.code(sitting.user)).status_code == 429
    assert sitting.log_in(desk.code(sitting.user), REMOTE_ADDR="203.0.113.5").status_code == 302
    # What is refused leaves no more rows.
    assert Tries.objects.filter(kind=Kind.PAIR).count() == ADDRESS + 1


def test_many_addresses_have_one_budget_for_a_name_and_its_owner_is_not_among_them():
    sitting, elsewhere = somebody(), somebody_new()
    sitting.log_in(desk.code(sitting.user), REMOTE_ADDR="198.51.100.1")

    statuses = [guess(sitting, 1, REMOTE_ADDR=f"203.0.113.{n}")[0] for n in range(NAME + 5)]
    TOTPDevice.objects.update(last_t=-1)
    code = desk.code(sitting.user)

    assert statuses == [200] * NAME + [429] * 5
    assert sitting.log_in(code, REMOTE_ADDR="203.0.113.200").status_code == 429
    assert sitting.log_in(code, REMOTE_ADDR="198.51.100.1").status_code == 302
    assert elsewhere.log_in(desk.code(elsewhere.user)).status_code == 302


def somebody_new() -> desk.Desk:
    return desk.Desk(desk.account(roles.SUPPORT, "somebody-new"))


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.5", "203.0.113.5", True),
        ("203.0.113.5", "203.0.113.6", False),
    ],
)
def test_a_household_is_one_address(one, other, are_one):
    sitting = somebody()
    guess(sitting, PAIR, REMOTE_ADDR=one)

    assert guess(sitting, 1, REMOTE_ADDR=other) == [429 if are_one else 200]


@pytest.mark.parametrize("spelling", ["SUPPORT", "Support", "support "])
def test_another_spelling_is_no_second_budget(spelling):
    """Engines differ in what is one name; what finds the same account counts as the same."""
    sitting = somebody()
    guess(sitting, PAIR)

    answer = sitting.post(
        "/admin/login/",
        {
            "username": spelling,
            "password": desk.PASSWORD,
            "otp_token": desk.code(sitting.user),
            "next": "/admin/",
        },
    )

    assert answer.status_code in (200, 429)
    assert sitting.get("/admin/").status_code == 302


def test_the_span_ends_and_known_addresses_stay():
    sitting = somebody()
    now = timezone.now()
    sitting.log_in(desk.code(sitting.user), REMOTE_ADDR="198.51.100.1")
    guess(sitting, PAIR)
    later = now + tries.SPAN[Kind.PAIR] + timedelta(seconds=1)

    with pytest.raises(tries.Locked):
        tries.take(username="support", ip="127.0.0.1", now=now)
    assert tries.take(username="support", ip="127.0.0.1", now=later)
    assert tries.forget(now=now + tries.KEPT) == 0
    assert tries.forget(now=later + timedelta(days=3)) == 4

    assert Tries.objects.get().address == "198.51.100.1"
    assert tries.forget(now=now + tries.KNOWN + timedelta(days=3)) == 1


def test_whoever_manages_accounts_unlocks_with_a_reason():
    sitting, manager = somebody(), desk.staff(roles.ACCOUNTS, REMOTE_ADDR="198.51.100.9")
    guess(sitting, PAIR + 1)
    row = Tries.objects.get(kind=Kind.PAIR, address="127.0.0.1")

    assert "locked" in manager.text(row)
    assert manager.act(row, "unlock_login", reason="has called, at his desk").status_code == 302

    assert sitting.log_in(desk.code(sitting.user)).status_code == 302
    noted = StaffAction.objects.get()
    assert (noted.action, noted.user, noted.reason, noted.subject) == (
        "unlock_login",
        manager.user,
        "has called, at his desk",
        "support @ 127.0.0.1",
    )
    assert tries.unlock(tries_id=row.pk, now=timezone.now()) is False


def test_an_owner_far_from_home_is_let_in_while_others_guess():
    sitting, manager = somebody(), desk.staff(roles.ACCOUNTS, REMOTE_ADDR="198.51.100.9")
    for n in range(NAME):
        guess(sitting, 1, REMOTE_ADDR=f"203.0.113.{n}")
    there = {"REMOTE_ADDR": "192.0.2.77"}
    assert sitting.log_in(desk.code(sitting.user), **there).status_code == 429
    row = Tries.objects.get(kind=Kind.PAIR, address="192.0.2.77")

    manager.act(row, "unlock_login", reason="is travelling, known by his voice")
    guess(sitting, 1, REMOTE_ADDR="203.0.113.250")

    assert sitting.log_in(desk.code(sitting.user), **there).status_code == 302


def test_nobody_else_unlocks():
    sitting = somebody()
    guess(sitting, PAIR + 1)
    row = Tries.objects.get(kind=Kind.PAIR)

    for role in set(roles.ROLES) - {roles.ACCOUNTS}:
        other = desk.staff(role, f"other {role}".replace(" ", "-"), REMOTE_ADDR="198.51.100.9")
        assert other.page(row).status_code == 403
        url = desk.act_url(row, "unlock_login")
        assert other.post(url, {"pk": row.pk, "seen": "x", "reason": "mine"}).status_code == 403
    assert not StaffAction.objects.exists()
