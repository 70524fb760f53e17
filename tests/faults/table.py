"""What a campaign knows so far, and the table that it tells."""

import json
import os
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Row:
    """What is known of one kind."""

    times: int = 0
    lost: int = 0
    recovered_s: list[float] = field(default_factory=list)  # of those that came alone
    together_s: list[float] = field(default_factory=list)  # until all that came at once was over

    def told(self) -> dict:
        told: dict = {"times": self.times, "lost": self.lost}
        for said, took in (("recovery s", self.recovered_s), ("with others s", self.together_s)):
            if took:
                told[said] = {
                    "of": len(took),
                    "median": round(statistics.median(took), 2),
                    "max": round(max(took), 2),
                }
        return told


@dataclass
class Known:
    """What came of it so far; kept beside the table, for a run that goes on."""

    faults: int = 0
    rounds: int = 0
    ages: int = 0
    seconds: float = 0
    answered: int = 0
    repeated: int = 0
    lost: list[str] = field(default_factory=list)
    revived: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> "Known":
        kept = json.loads(file.read_text())
        return cls(**{**kept, "kinds": {name: Row(**row) for name, row in kept["kinds"].items()}})

    def told(self, seed: int) -> dict:
        return {
            "command": f"make faults COUNT={self.faults} SEED={seed}",
            "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]},"
            f" everything on the same cores; load at the end {os.getloadavg()[0]:.1f}",
            "hours": round(self.seconds / 3600, 2),
            "faults": self.faults,
            "rounds": self.rounds,
            "lost": len(set(self.lost)),
            "requests answered": self.answered,
            "requests repeated": self.repeated,
            "ended by themselves and were started again": self.revived,
            "what was found": list(dict.fromkeys(self.lost))[:50],
            "kinds": {name: row.told() for name, row in sorted(self.kinds.items())},
        }
