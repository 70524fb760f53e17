"""Attacks 6 and 7 word by word: one superuser against four eyes, a stranger against an owner."""

import re
import secrets
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit import credentials
from kit.models import Credentials
from office import roles
from office.accounts import changes, joining
from office.frame import staff
from office.models import AccountChange, StaffAction, StaffEvent
from testing import desk
from tests.office.test_four_eyes import ADJUST, FORM
from wallets import adjust
from wallets.audit import audit
from wallets.models import Adjustment, Wallet

Kind = AccountChange.Kind
CHANGES = "/admin/office/accountchange/"
PASSWORD = "one that nobody else has"


@pytest.fixture
def rest(settings):
    settings.REDPACKET_CREDENTIALS_REST_S = 86_400


def proposal(maker) -> Adjustment:
    assert maker.post(ADJUST, FORM | {"done": "1"}).status_code == 302
    return Adjustment.objects.latest("pk")


def propose(who: desk.Desk, name: str, **form):
    form = {"reason": "because it must be"} | form
    return who.post(f"{CHANGES}new/{name}/", form | {"once": secrets.token_hex(16), "done": "1"})


def invited(maker: desk.Desk, checker: desk.Desk, role: str = roles.CHECKER) -> tuple[str, str]:
    """The link as its proposer is shown it, and the code as its approver is."""
    form = {"username": "nora", "full_name": "Nora New", "email": "", "role": role}
    answer = propose(maker, "propose_invitation", **form)
    link = re.search(r"(/admin/join/[\w-]+/)</code>", answer.content.decode())[1]
    change = AccountChange.objects.latest("pk")
    shown = checker.act(change, "approve_account_change", reason="")
    return link, code_in(shown)


def code_in(answer) -> str:
    assert "no-store" in answer.headers["Cache-Control"]
    return re.search(r'class="secret">([0-9a-f]{10})</code>', answer.content.decode())[1]


def take_up(link: str, code: str, password: str = PASSWORD) -> tuple[Client, list[str]]:
    """As the person does it: code, then key, password and the telephone's first code."""
    person = Client(headers={"Accept-Language": "en"})
    assert person.post(link, {"code": code}).status_code == 302
    page = person.get(link).content.decode()
    assert 'class="qr"' in page
    key = bytes.fromhex(person.session["joining"]["key"])
    form = {"new_password1": password, "new_password2": password, "token": f"{totp(key):06d}"}
    done = person.post(link, form)
    assert done.status_code == 200, done.content.decode()
    return person, re.findall(r"<li><code>([0-9a-f-]{19})</code>", done.content.decode())


# --- attack 6


def test_a_superuser_neither_sees_a_key_nor_becomes_a_checker(rest):
    superuser, checker = desk.staff(None), desk.staff(roles.CHECKER)
    device = TOTPDevice.objects.get(user=checker.user)
    maker = desk.staff(roles.MAKER)
    row, before = proposal(maker), User.objects.get(pk=checker.user.pk).password

    for path in (f"{device.pk}/change/", f"{device.pk}/config/", f"{device.pk}/qrcode/", ""):
        assert superuser.get(f"/admin/otp_totp/totpdevice/{path}").status_code == 404
    for path in (f"{checker.user.pk}/password/", f"{checker.user.pk}/change/", "add/"):
        answer = superuser.post(
            f"/admin/auth/user/{path}", {"password1": PASSWORD, "password2": PASSWORD}
        )
        assert answer.status_code in (302, 403, 404, 405)
    assert superuser.post(ADJUST, FORM | {"done": "1"}).status_code == 403
    for name in ("approve_adjustment", "reject_adjustment"):
        url = desk.act_url(row, name)
        assert superuser.post(url, {"pk": row.pk, "seen": "x", "reason": "me"}).status_code == 403

    assert User.objects.get(pk=checker.user.pk).password == before
    assert device.key not in "".join(
        superuser.get(url).content.decode()
        for url in (desk.page_of(checker.user), desk.list_of(User), "/admin/")
    )
    assert not Wallet.objects.exists()


def test_a_reset_needs_two_and_gives_neither_the_account(rest):
    """The way that was open, through the pages that are there now: he proposes, another approves in
    good faith, and he has the link alone; with the account he could not approve for a day."""
    superuser, accounts_desk = desk.staff(None), desk.staff(roles.ACCOUNTS)
    checker, maker = desk.staff(roles.CHECKER), desk.staff(roles.MAKER)
    row = proposal(maker)

    answer = propose(superuser, "propose_reset", username="finance-checker")
    link = re.search(r"(/admin/join/[\w-]+/)</code>", answer.content.decode())[1]
    change = AccountChange.objects.get()
    assert Client().get(link).status_code == 410, "nothing opens before it is approved"
    url = desk.act_url(change, "approve_account_change")
    assert superuser.post(url, {"pk": change.pk, "seen": "x"}).status_code == 403
    assert checker.get("/admin/").status_code == 200
    code = code_in(accounts_desk.act(change, "approve_account_change", reason=""))

    assert checker.get("/admin/").status_code == 302, "the reset ends his sessions"
    thief = Client()
    for _ in range(joining.TRIES):
        assert thief.post(link, {"code": "0000000000"}).status_code == 200
    assert thief.post(link, {"code": code}).status_code == 410
    assert not User.objects.get(pk=checker.user.pk).is_active
    row.refresh_from_db()
    assert row.checker_id is None


def test_whoever_has_new_credentials_approves_nothing_for_a_day(rest):
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)
    maker = desk.staff(roles.MAKER)
    row = proposal(maker)
    take_up(*invited(first, second))
    nora = desk.Desk(User.objects.get(username="nora"))
    TOTPDevice.objects.update(last_t=-1)
    nora.log_in(desk.code(nora.user), PASSWORD)

    page = nora.text(row)
    assert "You approve nothing until" in page and "approve_adjustment" not in page
    assert "reject_adjustment" in page
    url = desk.act_url(row, "approve_adjustment")
    assert "You approve nothing until" in nora.get(url, {"pk": row.pk}).content.decode()
    nora.post(url, {"pk": row.pk, "seen": "x", "reason": ""})
    now, about = timezone.now(), {"reference": row.reference, "checker_id": nora.user.pk}
    with pytest.raises(credentials.Fresh):
        adjust.approve(**about, now=now + timedelta(hours=23, minutes=59))
    assert not Wallet.objects.exists()

    assert adjust.approve(**about, now=now + timedelta(days=1, seconds=1))


def test_accounts_are_not_approved_either_by_new_credentials(rest):
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(roles.ACCOUNTS, "second")
    Credentials.objects.filter(user=second.user).update(changed_at=timezone.now())
    propose(first, "propose_stop", username="second")
    propose(first, "propose_role", username="accounts", role=roles.AUDITOR)
    change = AccountChange.objects.get(kind=Kind.ROLE)

    with pytest.raises(credentials.Fresh):
        changes.approve(change_id=change.pk, checker_id=second.user.pk, now=timezone.now())
    with pytest.raises(changes.Forbidden):  # nor what is about oneself
        stop = AccountChange.objects.get(kind=Kind.STOP)
        changes.reject(change_id=stop.pk, checker_id=second.user.pk, now=timezone.now())


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(password=make_password("by SQL")),
        lambda user: TOTPDevice.objects.filter(user=user).update(key=secrets.token_hex(20)),
        lambda user: TOTPDevice.objects.create(user=user, name="mine", confirmed=True),
        lambda user: Credentials.objects.filter(user=user).delete(),
    ],
)
def test_a_change_past_the_pages_counts_as_well(change, rest):
    maker, checker = desk.staff(roles.MAKER), desk.account(roles.CHECKER)
    row = proposal(maker)

    change(checker)

    with pytest.raises(credentials.Fresh):
        adjust.approve(reference=row.reference, checker_id=checker.pk, now=timezone.now())
    assert not Wallet.objects.exists()


def test_a_change_past_the_pages_is_noted_when_its_user_comes(rest):
    checker = desk.Desk(desk.account(roles.CHECKER))
    call = {"password": make_password(PASSWORD)}
    User.objects.filter(pk=checker.user.pk).update(**call)

    assert checker.log_in(desk.code(checker.user), PASSWORD).status_code == 302

    noted = StaffAction.objects.get()
    assert (noted.action, noted.user.username) == ("credentials_changed", "manage.py")
    until = credentials.rests_until(checker.user.pk, timezone.now())
    assert until > timezone.now() + timedelta(hours=23)


# --- money and accounts


@pytest.mark.broken_books
def test_nobody_acts_upon_money_and_accounts():
    both = desk.staff(roles.CHECKER, "both")
    both.user.groups.add(Group.objects.get(name=roles.ACCOUNTS))
    row = proposal(desk.staff(roles.MAKER))

    assert propose(both, "propose_stop", username="finance-maker").status_code == 403
    url = desk.act_url(row, "approve_adjustment")
    assert both.post(url, {"pk": row.pk, "seen": "x"}).status_code == 403
    assert [(f.rule, f.row) for f in audit()] == [("money_and_accounts_are_apart", "both")]
    for permissions in roles.ROLES.values():
        acts = set(permissions[1])
        assert not ({staff.MANAGE_ACCOUNTS} & acts and acts - {staff.MANAGE_ACCOUNTS})


def test_nobody_else_proposes():
    for role in set(roles.ROLES) - {roles.ACCOUNTS}:
        other = desk.staff(role, f"other-{role}".replace(" ", "-"))
        for name in ("propose_invitation", "propose_role", "propose_reset", "propose_stop"):
            assert other.get(f"{CHANGES}new/{name}/").status_code == 403
            assert propose(other, name, username="x").status_code == 403


# --- one's own password, and the server's


def test_ones_own_password_is_changed_by_the_old_one_and_counts(rest):
    checker = desk.staff(roles.CHECKER)
    form = {"new_password1": PASSWORD, "new_password2": PASSWORD}

    wrong = [
        checker.post("/admin/password_change/", form | {"old_password": "guess"}).status_code
        for _ in range(6)
    ]
    assert wrong == [200] * 5 + [429]
    call_command("unlock_staff", checker.user.username, reason="test", stdout=StringIO())
    done = checker.post("/admin/password_change/", form | {"old_password": desk.PASSWORD})

    assert done.status_code == 302
    assert checker.get("/admin/").status_code == 200
    assert User.objects.get(pk=checker.user.pk).check_password(PASSWORD)
    assert credentials.rests_until(checker.user.pk, timezone.now())
    noted = StaffAction.objects.get(action="change_own_password")
    assert PASSWORD not in repr(vars(noted))


def test_the_first_two_are_invited_on_the_server():
    shown = StringIO()

    for name in ("anna", "bert"):
        call_command("invite_staff", name, role="accounts", reason="the first", stdout=shown)
    lines = re.findall(r"link \S*(/admin/join/\S+)\ncode (\w+)", shown.getvalue())
    for link, code in lines:
        take_up(link, code)

    assert len(lines) == 2
    people = User.objects.filter(username__in=["anna", "bert"], is_active=True)
    assert {changes.roles_of(user) for user in people} == {"accounts"} and people.count() == 2
    rows = StaffAction.objects.filter(action="invite_staff")
    assert {row.user.username for row in rows} == {"manage.py"} and rows.count() == 2
    call_command("stop_staff", "bert", reason="gone", stdout=shown)
    assert not User.objects.get(username="bert").is_active
    assert not User.objects.get(username="manage.py").is_active


# --- attack 7: tests/office/test_tries.py and tests/races/test_tries.py, and here as it was done


def test_a_stranger_who_knows_a_name_keeps_nobody_out(settings):
    settings.REDPACKET_PROXY_IP_HEADER = "HTTP_X_REAL_IP"
    owner = desk.Desk(desk.account(roles.SUPPORT))
    for _ in range(6):
        owner.log_in("", "guess", headers={"X-Real-IP": "203.0.113.66"})

    came = owner.log_in(desk.code(owner.user), headers={"X-Real-IP": "203.0.113.5"})

    assert came.status_code == 302
    assert "127.0.0.1" not in StaffEvent.objects.values_list("ip", flat=True)
