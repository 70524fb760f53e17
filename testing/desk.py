"""A member of staff at his desk: a client that has logged in with both factors."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit import credentials

PASSWORD = "a long enough password"


def account(role: str | None, username: str = "") -> User:
    """A staff user of one role, or a superuser, with a device."""
    username = username or (role or "admin").replace(" ", "-")
    user = User.objects.create_user(
        username, password=PASSWORD, is_staff=True, is_superuser=role is None
    )
    if role:
        user.groups.add(Group.objects.get(name=role))
    TOTPDevice.objects.create(user=user, name="phone", confirmed=True)
    credentials.changed(user, now=timezone.now() - timedelta(days=100))
    return user


def code(user: User, drift: int = 0) -> str:
    """What the user's telephone shows."""
    key = TOTPDevice.objects.get(user=user).bin_key
    return f"{totp(key, drift=drift):06d}"


def staff(role: str | None, username: str = "", **defaults: Any) -> "Desk":
    """Seated: with what a log-in leaves, but not through its form, which hashes, counts and asks a
    dozen questions each time (tests/office/test_signin.py and test_tries.py do)."""
    desk = Desk(account(role, username), **defaults)
    desk.force_login(desk.user)
    seat = desk.session
    seat[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.get(user=desk.user).persistent_id
    seat.save()
    return desk


class Desk(Client):
    def __init__(self, user: User, **kwargs):
        super().__init__(headers={"Accept-Language": "en"}, raise_request_exception=False, **kwargs)
        self.user = user

    def log_in(self, token: str, password: str = PASSWORD, **more):
        body = {"username": self.user.username, "password": password, "otp_token": token}
        return self.post("/admin/login/?next=/admin/", {**body, "next": "/admin/"}, **more)

    def page(self, obj) -> Any:
        return self.get(page_of(obj))

    def text(self, obj) -> str:
        answer = self.page(obj)
        assert answer.status_code == 200, answer.status_code
        return answer.content.decode()

    def act(self, obj, name: str, reason: str = "a good reason") -> Any:
        """Look at the action's page and confirm it, as the browser would."""
        url = act_url(obj, name)
        shown = self.get(url, {"pk": obj.pk})
        if shown.status_code != 200:
            return shown
        return self.post(url, {"pk": obj.pk, "seen": seen(shown), "reason": reason})


def page_of(obj) -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])


def list_of(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def act_url(obj, name: str) -> str:
    return f"{list_of(obj)}do/{name}/"


def seen(answer) -> list[str]:
    return re.findall(r'name="seen" value="([0-9a-f]+)"', answer.content.decode())
