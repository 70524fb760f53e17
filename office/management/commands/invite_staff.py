import getpass

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from kit import clock
from kit.refusals import Problem
from office.accounts import changes
from office.frame import staff
from office.frame.proposals import Made


class _Invited(Made):
    def keep(self, result):
        super().keep(result[0])


class Command(BaseCommand):
    help = (
        "For whoever has the server: invite somebody of the staff, as the first two who look after"
        " accounts, or again when nobody is left who could approve it. An account that exists"
        " loses its password and device. Prints a link and a code: hand them over apart."
    )

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument("--role", default="", help="accounts, auditor, ...; empty: as it is")
        parser.add_argument("--reason", required=True)

    def handle(self, *, username, role, reason, **options):
        note = _Invited(
            user=staff.operator(),
            action="invite_staff",
            obj=None,
            reason=f"{getpass.getuser()}: {reason}",
            changes={"account": username, "role": role or None, "password": "reset"},
        )
        try:
            _user, word, code = changes.invite_by_operator(
                username=username, role=role, now=clock.now(), also=note
            )
        except Problem as problem:
            told = [str(text) for texts in (problem.errors or {}).values() for text in texts]
            raise CommandError(" ".join(told) or str(problem.detail)) from None
        path = reverse("admin:join", args=[word])
        self.stdout.write(f"link {settings.REDPACKET_PUBLIC_URL}{path}\ncode {code}")
