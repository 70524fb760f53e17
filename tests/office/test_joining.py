"""An invitation: taken up once, for a while, by who has both of its words."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from office import roles
from office.accounts import joining
from office.models import Invitation, RecoveryCode, StaffAction, StaffEvent
from testing import desk
from testing.forks import in_threads
from tests.attacks.test_staff import PASSWORD, invited, take_up


def test_an_invitation_from_end_to_end():
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)

    link, code = invited(first, second, roles.SUPPORT)
    assert not User.objects.get(username="nora").is_active
    person, codes = take_up(link, code)

    nora = User.objects.get(username="nora")
    assert nora.is_active and len(set(codes)) == joining.RECOVERY_CODES
    stored = " ".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not any(c in stored or c.replace("-", "") in stored for c in codes)
    link_word = link.split("/")[-2]
    kept = Invitation.objects.get()
    assert link_word not in kept.link and code not in kept.code
    assert person.get(link).status_code == 410
    sitting = desk.Desk(nora)
    assert sitting.log_in(codes[0].upper(), PASSWORD).status_code == 302
    sitting.post("/admin/logout/")
    assert sitting.log_in(codes[0], PASSWORD).status_code == 200, "a recovery code serves once"
    assert ("recovery", "nora") in StaffEvent.objects.values_list("kind", "username")
    done = list(StaffAction.objects.order_by("pk").values_list("action", "user__username"))
    assert done == [
        ("propose_invitation", "accounts"),
        ("approve_account_change", "admin"),
        ("join", "nora"),
    ]
    told = repr(list(StaffAction.objects.values()))
    key = TOTPDevice.objects.get(user=nora).key
    assert not any(secret in told for secret in (link_word, code, key, *codes))


def test_an_invitation_ends(settings):
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)
    link, _ = invited(first, second)
    now, word = timezone.now(), link.split("/")[-2]

    assert joining.good(word, now)
    later = now + timedelta(seconds=settings.REDPACKET_INVITATION_S + 1)
    assert joining.good(word, later) is None


def taken_up_by_two() -> list:
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)
    invited(first, second)
    pk = Invitation.objects.get().pk
    about = {"invitation_id": pk, "key": "ab" * 20, "step": 0, "now": timezone.now()}
    return in_threads([lambda p=p: joining.join(password=p, **about) for p in ("one", "two")])


def test_an_invitation_is_taken_up_once():
    answers = taken_up_by_two()

    assert sorted(type(answer) for answer in answers if isinstance(answer, Exception)) == [
        joining.Gone
    ]


def test_an_invitation_is_taken_up_once_without_the_where(monkeypatch):
    """The twin: whoever has read that it is good goes on."""
    monkeypatch.setattr(joining, "move", lambda rows, **facts: True)

    answers = taken_up_by_two()

    assert [answer for answer in answers if isinstance(answer, joining.Gone)] == []


def test_the_code_bears_five_guesses_at_once():
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)
    _link, code = invited(first, second)
    about = {"invitation_id": Invitation.objects.get().pk, "now": timezone.now()}

    answers = in_threads([lambda: joining.is_code(code="0000000000", **about)] * 12)

    assert answers.count(False) == joining.TRIES
    assert sum(isinstance(answer, joining.Gone) for answer in answers) == 12 - joining.TRIES
    with pytest.raises(joining.Gone):
        joining.is_code(code=code, **about)
