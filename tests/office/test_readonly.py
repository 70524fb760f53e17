"""Money and history cannot be edited or deleted by anyone: no form, action or crafted POST."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core import serializers
from django.utils import timezone

from office.readonly import ReadOnlyAdmin
from packets.states import Kind
from testing import desk, make, stories

# Roles come with the release; everything else is money, history, accounts or the chat's.
ACCOUNTS = {"auth.group"}
LABELS = {"packets", "payments", "wallets", "kit", "office", "admin", "auth", "otp_totp"}


def closed_models():
    return [m for m in admin.site._registry if m._meta.label_lower not in ACCOUNTS]


def everything() -> str:
    """All rows of all our tables, as text."""
    rows = []
    for model in apps.get_models():
        if model._meta.app_label in LABELS:
            rows += model.objects.order_by("pk")
    return serializers.serialize("json", rows)


@pytest.fixture
def full(superuser, support):
    """A row of most kinds, and a superuser in front of it."""
    stories.tell(timezone.now())
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    assert support.act(packet, "freeze_packet").status_code == 302
    return superuser


def test_every_model_of_ours_is_read_only():
    for model in closed_models():
        assert isinstance(admin.site._registry[model], ReadOnlyAdmin), model


def test_superusers_can_only_look(full):
    before = everything()

    for model in closed_models():
        row = model._default_manager.order_by("pk").first()
        base = desk.list_of(model)
        pk = row.pk if row else 1
        fields = {f.attname: "1" for f in model._meta.fields}
        forms = [
            (f"{base}add/", fields),
            (f"{base}{pk}/change/", fields),
            (f"{base}{pk}/delete/", {"post": "yes"}),
            (f"{base}{pk}/history/", fields),
            (f"{base}{pk}/password/", fields),
            (base, {"action": "delete_selected", ACTION_CHECKBOX_NAME: [pk], "post": "yes"}),
            (base, {"_save": "1", "form-TOTAL_FORMS": 1, "form-0-id": pk, "form-0-money": "1"}),
        ]
        for url, body in forms:
            status = full.post(url, body).status_code
            assert status in (200, 302, 403, 404, 405), (url, status)
        for method in (full.put, full.patch, full.delete):
            assert method(f"{base}{pk}/change/").status_code in (403, 405)

    assert everything() == before


def test_nothing_can_be_deleted_from_a_list(full):
    for model in admin.site._registry:
        page = full.get(desk.list_of(model)).content.decode()
        assert "delete_selected" not in page, model
        assert (
            f'href="{desk.list_of(model)}add/"' not in page or model._meta.label_lower in ACCOUNTS
        )


def test_other_peoples_editors_are_gone():
    """No tasks to start by hand, no lock-outs to lift unseen."""
    labels = {model._meta.app_label for model in admin.site._registry}

    assert not labels & {"django_celery_beat"}
