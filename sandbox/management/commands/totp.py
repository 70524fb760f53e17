from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice


class Command(BaseCommand):
    help = "Development: the one-time code of a member of staff now, and a link for an app."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="as he logs in: admin, support, ...")

    def handle(self, *, name: str, **options: Any) -> None:
        user = get_user_model().objects.filter(username=name).first()
        device = TOTPDevice.objects.filter(user=user, confirmed=True).first() if user else None
        if not device:
            raise CommandError(f"{name!r} has no second factor here.")
        code = totp(device.bin_key, step=device.step, t0=device.t0, digits=device.digits)
        self.stdout.write(f"{code:0{device.digits}d}")
        self.stdout.write(device.config_url)
