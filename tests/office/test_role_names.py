"""Roles are shown in the reader's words wherever they are shown; forms and the database go on with
their names."""

import re
import secrets
from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import translation
from django.utils.html import strip_tags

from office import roles
from office.models import AccountChange, Role, StaffAction
from testing import desk

CHANGES = desk.list_of(AccountChange)
NAMES = re.compile(rf"\b({'|'.join(roles.SHOWN)})\b", re.IGNORECASE)
WHY = "because it must be"


@pytest.fixture
def reader():
    """A superuser reads Chinese and may see all; the others have names that say no role."""
    first = desk.staff(None, "p0")
    first.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    for number, role in enumerate(roles.ROLES, 1):
        desk.account(role, f"p{number}")
    desk.account(roles.MAKER, "p9").groups.add(Group.objects.get(name=roles.CHECKER))
    return first


def propose(who, name: str, *, done: bool = True, **form):
    form |= {"reason": WHY, "once": secrets.token_hex(16)}
    return who.post(f"{CHANGES}new/{name}/", form | ({"done": "1"} if done else {}))


def seen(answer) -> str:
    """What a person reads of a page: no tags, no values of a form."""
    assert answer.status_code == 200, answer.status_code
    return strip_tags(answer.content.decode().replace("<", " <"))


def told(reader) -> dict[str, str]:
    """Every place that tells of a role, by what it is."""
    checker = desk.staff(roles.ACCOUNTS, "p7")
    invitation = {"full_name": "Nora", "email": ""}
    texts = {}
    for number, role in enumerate(roles.ROLES):
        form = invitation | {"username": f"n{number}", "role": role}
        texts[f"invite {role}"] = seen(propose(reader, "propose_invitation", done=False, **form))
        propose(reader, "propose_invitation", **form)
    for name, more in {"role": {"role": roles.AUDITOR}, "reset": {}, "stop": {}}.items():
        form = {"username": "p9"} | more
        texts[f"propose {name}"] = seen(propose(reader, f"propose_{name}", done=False, **form))
    propose(reader, "propose_role", username="p9", role=roles.AUDITOR)
    texts["staff then"] = seen(reader.get(desk.list_of(User)))
    checker.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    for change in AccountChange.objects.all():
        url = desk.act_url(change, "approve_account_change")
        texts[f"approve {change}"] = seen(checker.get(url, {"pk": change.pk}))
        checker.act(change, "approve_account_change", WHY)
    call_command("invite_staff", "p1", role=roles.AUDITOR, reason=WHY, stdout=StringIO())
    for model in (User, Role, AccountChange, StaffAction):
        for row in model.objects.all():
            texts[f"{model.__name__} {row.pk}"] = seen(reader.page(row))
        texts[f"{model.__name__} list"] = seen(reader.get(desk.list_of(model)))
        out = reader.post(f"{desk.list_of(model)}export/", {"format": "csv"})
        texts[f"{model.__name__} file"] = out.content.decode()
    texts["menu"] = seen(reader.get("/admin/"))
    return texts


def test_no_role_is_shown_by_its_name_to_who_reads_chinese(reader):
    texts = told(reader)

    assert {at: NAMES.findall(text) for at, text in texts.items() if NAMES.search(text)} == {}
    with translation.override("zh-hans"):
        for role in roles.ROLES:
            there = [at for at, text in texts.items() if str(roles.SHOWN[role]) in text]
            assert len(there) > 4, role
        two = roles.shown(roles.joined([roles.CHECKER, roles.MAKER]))
    for at in ("propose role", "propose reset", "propose stop", "staff then"):
        assert two in texts[at]
    assert f"{two} → 审计员" in texts["StaffAction file"]
    assert "角色" in texts["menu"]


def test_their_names_would_be_seen_without_the_words(reader, monkeypatch):
    monkeypatch.setattr(roles, "SHOWN", {})

    texts = told(reader)

    assert [
        at for at in ("propose role", "User list", "User file") if not NAMES.search(texts[at])
    ] == []
    assert sum(bool(NAMES.search(text)) for text in texts.values()) > 20


def test_forms_and_commands_go_on_with_names(reader):
    propose(reader, "propose_invitation", username="n", full_name="N", email="", role="审计员")
    assert not AccountChange.objects.exists()
    propose(reader, "propose_invitation", username="n", full_name="N", email="", role="auditor")

    change = AccountChange.objects.get()
    assert (change.role, change.role_before) == ("auditor", "")
    note = StaffAction.objects.get(action="propose_invitation")
    assert note.changes["role"] == "auditor"


def test_every_role_has_its_word():
    assert set(roles.SHOWN) == {*roles.ROLES, roles.SUPERUSER}
    with translation.override("zh-hans"):
        words = [str(word) for word in roles.SHOWN.values()]
    assert len(set(words)) == len(words) and not any(word.isascii() for word in words)
    assert roles.shown("") == "-" and roles.shown("of another time") == "of another time"


def test_a_role_tells_what_it_may_and_whose_it_is(reader):
    text = seen(reader.page(Role.objects.get(name=roles.CHECKER)))

    assert "批准、驳回调账" in text and "钱包" in text
    assert "p3" in text and "p9" in text and "p1" not in text
    with translation.override("zh-hans"):
        for permissions in roles.OWN.values():
            for english in permissions.values():
                assert translation.gettext(english) != english
