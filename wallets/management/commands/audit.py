import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kit import clock
from wallets.audit import Finding, rules, run
from wallets.models import Seal
from wallets.seals import last_seals


class Command(BaseCommand):
    help = "Prove that no cent was lost or created: exit 0, or 1 and a line per broken row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since-clean",
            action="store_true",
            help="read what came after the last day that was found clean; else all history",
        )
        parser.add_argument("--json", action="store_true", help="findings as JSON")
        parser.add_argument(
            "--every-day",
            action="store_true",
            help="count the rows of every sealed day again; else of the newest, and of some others",
        )
        parser.add_argument(
            "--seal", action="append", default=[], help="one that was noted: it must still be there"
        )

    def handle(self, **options: Any) -> None:
        findings = run(
            now=clock.now(),
            counts_all=options["every_day"],
            is_whole=not options["since_clean"],
        )
        findings += [
            Finding("noted_seals_are_there", f"seal {noted}", "no day has it")
            for noted in options["seal"]
            if not Seal.objects.filter(seal=noted).exists()
        ]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.rule}: {finding.row}: {finding.says}")
            if not findings:
                self.stdout.write(f"audit clean: {len(rules())} rules hold")
            for seal in last_seals():
                self.stdout.write(f"{seal.table} are sealed until {seal.day}: {seal.seal}")
        if findings:
            sys.exit(1)
