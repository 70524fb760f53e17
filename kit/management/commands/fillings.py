from typing import Any

from django.core.management.base import BaseCommand

from kit import fillings


class Command(BaseCommand):
    help = "How far columns that are new are filled, and whether a migration may require them."

    def handle(self, **options: Any) -> None:
        for name in fillings.FILLINGS:
            verdict = "every row is filled" if fillings.is_filled(name) else "rows are empty"
            self.stdout.write(f"{name}: {fillings.told(name)}; {verdict}")
        if not fillings.FILLINGS:
            self.stdout.write("Nothing is to be filled.")
