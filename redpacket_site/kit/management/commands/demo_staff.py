import json
import secrets
from base64 import b32encode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice


class Command(BaseCommand):
    help = "Development: make sure of a demo superuser with a second factor; print it as JSON."

    def handle(self, **options):
        if settings.PRODUCTION:
            raise CommandError("Refused in production: there is no demo staff.")
        kept = settings.KEYS_DIR / "demo_staff.json"
        staff = json.loads(kept.read_text()) if kept.is_file() else self._make()
        user, _ = get_user_model().objects.get_or_create(username=staff["username"])
        if not user.check_password(staff["password"]):
            user.set_password(staff["password"])
        user.is_staff = user.is_superuser = True
        user.save()
        TOTPDevice.objects.update_or_create(
            user=user,
            name="demo",
            defaults={"key": staff["totp_key"], "confirmed": True},
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(staff))
        secret = b32encode(bytes.fromhex(staff["totp_key"])).decode()
        self.stdout.write(
            json.dumps(
                {
                    "username": staff["username"],
                    "password": staff["password"],
                    "totp_secret": secret,
                }
            )
        )

    @staticmethod
    def _make() -> dict:
        return {
            "username": "admin",
            "password": secrets.token_urlsafe(12),
            "totp_key": secrets.token_hex(20),
        }
