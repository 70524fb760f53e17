from django.conf import settings
from django.core.management.base import CommandError
from django.urls import reverse

from kit import clock
from kit.refusals import Problem
from office.accounts import changes
from office.frame.actions import told_by
from office.frame.proposals import Made
from office.management.operator import OperatorCommand


class _Invited(Made):
    def keep(self, result):
        super().keep(result[0])


class Command(OperatorCommand):
    help = (
        "For whoever has the server: invite somebody of the staff, as the first two who look after"
        " accounts, or again when nobody is left who could approve it. An account that exists"
        " loses its password and device. Prints a link and a code: hand them over apart."
    )

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("--role", default="", help="accounts, auditor, ...; empty: as it is")

    def handle(self, *, username, role, reason, **options):
        changed = {"account": username, "role": role or None, "password": "reset"}
        note = self.note("invite_staff", reason, kind=_Invited, changes=changed)
        try:
            _user, word, code = changes.invite_by_operator(
                username=username, role=role, now=clock.now(), also=note
            )
        except Problem as problem:
            raise CommandError(told_by(problem)) from None
        path = reverse("admin:join", args=[word])
        self.stdout.write(f"link {settings.REDPACKET_PUBLIC_URL}{path}\ncode {code}")
