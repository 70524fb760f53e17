"""Text that is not ASCII meets ASCII columns: pages, filters, searches, forms, commands, the API.

MariaDB refuses to compare the two (1267); wherever somebody can type, nothing is found instead.
"""

from urllib.parse import quote

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands
from django.core.management.base import SystemCheckError
from django.utils import timezone

from kit.ids import AsciiField
from office import roles
from office.frame import staff
from office.frame.filters import allowed_parameters
from office.frame.lists import BEFORE
from office.frame.proposals import url_of
from testing import desk, make, stories

FOREIGN = ["红", "a红", "\U0001f9e7", "é"]
OURS = ("packets", "payments", "wallets", "kit", "office")


def ascii_columns():
    return [
        (model, field)
        for model in apps.get_models()
        if model._meta.app_label in (*OURS, "sandbox") and model._meta.managed
        for field in model._meta.fields
        if isinstance(field, AsciiField)
    ]


@pytest.mark.parametrize("word", FOREIGN)
def test_no_lookup_of_any_ascii_column_finds_it(word):
    make.make_paid_packet()
    columns = ascii_columns()
    assert len(columns) > 40

    for model, field in columns:
        rows, known = model._default_manager, model._default_manager.count()
        for lookup in ("exact", "iexact", "contains", "startswith", "gt", "lte", "regex"):
            assert not rows.filter(**{f"{field.name}__{lookup}": word}).exists()
        assert not rows.filter(**{f"{field.name}__in": [word]}).exists()
        assert rows.exclude(**{field.name: word}).count() == known
        assert rows.filter(**{field.name: word}).update(**{field.name: "x"}) == 0


def test_what_is_ascii_is_found_beside_it():
    packet = make.make_paid_packet()
    rows = type(packet).objects

    assert rows.get(public_id__in=["红", packet.public_id]) == packet
    assert rows.filter(public_id__gte=packet.public_id).exists()


@pytest.fixture
def full(superuser):
    """Who sees everything and looks after accounts; `full.of_money` acts upon the rest."""
    stories.tell(timezone.now())
    superuser.of_money = desk.staff(roles.SUPPORT, "of-money")
    others = Group.objects.filter(name__in=[roles.MAKER, roles.CHECKER])
    superuser.of_money.user.groups.add(*others)
    return superuser


def doer(full, permission: str) -> desk.Desk:
    return full if permission == staff.MANAGE_ACCOUNTS else full.of_money


def test_every_page_of_such_a_row_says_that_there_is_none(full):
    for model, model_admin in admin.site._registry.items():
        base = desk.list_of(model)
        for page, status in (("change", 302), ("history", 302), ("delete", 403)):
            answer = full.get(f"{base}{quote('红')}/{page}/")
            assert answer.status_code == status, (model, page)
        for action in getattr(model_admin, "acts", ()):
            url, sitting = f"{base}do/{action.name}/", doer(full, action.permission)
            assert sitting.get(url, {"pk": "红"}).status_code == 404, url
            body = {"pk": "红", "seen": "x", "reason": "红红红"}
            assert sitting.post(url, body).status_code == 404, url


def test_every_filter_and_search_finds_nothing(full):
    for model, model_admin in admin.site._registry.items():
        base = desk.list_of(model)
        for name in (*allowed_parameters(model_admin.list_filter), BEFORE, "q", "p"):
            answer = full.get(base, {name: "红"})
            assert answer.status_code in (200, 302), (base, name)


def test_every_form_says_so_beside_its_field(full):
    for model, model_admin in admin.site._registry.items():
        for proposal in getattr(model_admin, "proposals", ()):
            sitting = doer(full, proposal.permission)
            texts = [
                name
                for name, field in proposal.form.base_fields.items()
                if isinstance(field, (forms.CharField, forms.ChoiceField, forms.IntegerField))
            ]
            for step in ({}, {"done": "1"}):
                body = dict.fromkeys(texts, "红红红") | {"amount": "1.00"} | step
                answer = sitting.post(url_of(model, proposal), body)
                assert answer.status_code == 200, proposal.name
                assert 'class="warned"' in answer.content.decode(), proposal.name
            shown = sitting.get(url_of(model, proposal, **dict.fromkeys(texts, "红")))
            assert shown.status_code == 200, proposal.name


def test_finding_it_finds_nothing(full):
    for word in FOREIGN:
        assert full.get("/admin/find/", {"q": word}).status_code == 200


# What a command takes; a command of ours that is in neither row fails the test.
WITH_WORDS = {
    "freeze": [["wallet", "红", "--reason", "because"], ["packet", "红", "--reason", "because"]],
    "unfreeze": [["wallet", "红", "--reason", "because"], ["packet", "红", "--reason", "because"]],
    "forget_profile": [["红"]],
    "credit": [["红", "1.00", "--reason", "because"], ["bob", "红", "--reason", "because"]],
    "token": [["红"]],
    "reconcile": [["红", "2026-01-01"], ["alipay", "红"], ["alipay", "2026-01-01", "红"]],
    "channels": [["红"]],
    "grants": [["红"], ["红@localhost"]],
    "sweep": [["红"]],
    "invite_staff": [
        ["红", "--role", "accounts", "--reason", "because"],
        ["bob", "--role", "红", "--reason", "because"],
    ],
    "stop_staff": [["红", "--reason", "because"]],
    "erase_person": [["红", "--reason", "because"]],
    "restored": [["--read", "红"]],
    "unlock_staff": [["红", "--reason", "because"]],
    "tail-events": [["--after", "红"], ["--types", "红"]],
    "totp": [["红"]],
}
WITHOUT_WORDS = {"audit", "doctor", "fillings", "seed_demo", "demo_staff", "sandbox_keys"}


@pytest.mark.parametrize("name", [*WITH_WORDS])
def test_every_command_says_so(name, capsys):
    for words in WITH_WORDS[name]:
        with pytest.raises((CommandError, SystemCheckError, SystemExit)):
            call_command(name, *words)


def test_no_command_is_left_out():
    ours = {
        name
        for name, app in get_commands().items()
        if app.split(".")[0] in ("packets", "payments", "wallets", "kit", "office", "sandbox")
    }

    assert ours == set(WITH_WORDS) | WITHOUT_WORDS


def test_the_api_answers_as_to_anything_unknown():
    alice, chat, word = make.user("alice"), make.service(), quote("红")

    for path in (f"packets/{word}", f"orders/{word}", "wallet/flow?kind=红", "packets?kind=红"):
        assert alice.get(path).status_code in (200, 400, 404), path
    for path in (f"packets/{word}/grab", f"packets/{word}/pay", f"orders/{word}/report"):
        assert alice.post(path, {}).status_code in (400, 404), path
    for path in (f"service/groups/{word}/members/u1", f"service/groups/g1/members/{word}"):
        assert chat.put(path).status_code in (400, 404), path
        assert chat.delete(path).status_code in (400, 404), path
    assert chat.put(f"service/profiles/{word}", {"nickname": "x"}).status_code in (400, 404)
