import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from wallets.audit import rules, run


class Command(BaseCommand):
    help = "Prove that no cent was lost or created: exit 0, or 1 and a line per broken row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="findings as JSON")

    def handle(self, **options: Any) -> None:
        findings = run(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.rule}: {finding.row}: {finding.says}")
            if not findings:
                self.stdout.write(f"audit clean: {len(rules())} rules hold")
        if findings:
            sys.exit(1)
