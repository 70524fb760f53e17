import json
import secrets
from base64 import b32encode
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit import credentials


class Command(BaseCommand):
    help = "Development: make sure of demo staff, one of each role, with second factors; as JSON."

    def handle(self, **options: Any) -> None:
        kept = settings.KEYS_DIR / "demo_staff.json"
        staff = json.loads(kept.read_text()) if kept.is_file() else self._make()
        roles = staff.setdefault("roles", {})
        for group in Group.objects.order_by("pk"):
            name = group.name.replace(" ", "-")
            roles.setdefault(group.name, {"username": name, "totp_key": secrets.token_hex(20)})
            self._ensure(roles[group.name], staff["password"], group)
        self._ensure(staff, staff["password"])
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(staff))
        self.stdout.write(
            json.dumps(
                {
                    **self._shown(staff),
                    "password": staff["password"],  # of all of them
                    "roles": {role: self._shown(person) for role, person in roles.items()},
                }
            )
        )

    @staticmethod
    def _ensure(person: dict, password: str, group: Group | None = None) -> None:
        """A member of one group, or the superuser; its device as kept."""
        user, _ = get_user_model().objects.get_or_create(username=person["username"])
        if not user.check_password(password):
            user.set_password(password)
        user.is_staff, user.is_superuser = True, group is None
        user.save()
        user.groups.set([group] if group else [])
        TOTPDevice.objects.update_or_create(
            user=user, name="demo", defaults={"key": person["totp_key"], "confirmed": True}
        )
        if not credentials.is_known(user):  # they approve at once, as if here for long
            credentials.changed(user, now=timezone.now() - timedelta(days=365))

    @staticmethod
    def _shown(person: dict) -> dict:
        secret = b32encode(bytes.fromhex(person["totp_key"])).decode()
        return {"username": person["username"], "totp_secret": secret}

    @staticmethod
    def _make() -> dict:
        return {
            "username": "admin",
            "password": secrets.token_urlsafe(12),
            "totp_key": secrets.token_hex(20),
        }
