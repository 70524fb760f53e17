"""Bar charts as SVG from the server: no script, no style attribute, and they print."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kit.marks import labelled, listed

WIDTH, HEIGHT = 960, 200  # of the bars, in the picture's own units
LEFT, BOTTOM, TOP = 76, 24, 12  # for the axes, and half a line of text
LINES = 4
FEWEST = 12  # places for groups: one day alone is a bar, not a wall


@dataclass(frozen=True, slots=True)
class Series:
    tone: str
    label: Any
    values: Sequence[Decimal]


@dataclass(frozen=True)
class Chart:
    """Groups of bars, one group a label; `urls` lead from a group to its rows."""

    title: Any
    labels: Sequence[str]
    series: Sequence[Series]
    urls: Sequence[str] = ()
    is_early: bool = False  # its end is empty still

    width, height, frame = LEFT + WIDTH, HEIGHT + BOTTOM, HEIGHT + BOTTOM + TOP
    left, ground = LEFT, HEIGHT

    @property
    def told(self) -> str:
        """The whole in a line, for who does not see it."""
        sums = (f"{one.label} {sum(one.values):,.2f}" for one in self.series)
        return labelled(self.title, listed(sums))

    @property
    def top(self) -> Decimal:
        """The least round number that no bar exceeds."""
        most = max((value for one in self.series for value in one.values), default=Decimal(0))
        step = Decimal(1)
        while step * 10 <= most:
            step *= 10
        return next((step * n for n in (1, 2, 4, 5, 8) if step * n >= most), step * 10)

    def lines(self) -> list[dict]:
        """Where the horizontal lines are, and what they stand for."""
        return [
            {"y": HEIGHT - HEIGHT * n // LINES, "text": f"{self.top * n / LINES:,.10g}"}
            for n in range(LINES + 1)
        ]

    @property
    def slot(self) -> float:
        return WIDTH / max(len(self.labels), FEWEST)

    @property
    def begins_left(self) -> bool:
        """Where it does not fit, its begin is seen and not its end."""
        return self.is_early or len(self.labels) < FEWEST

    def drawn(self) -> list[dict]:
        """Each series as one path, a bar a step: a month of three is three elements, not ninety."""
        width = self.slot * 0.72 / max(len(self.series), 1)
        paths = []
        for number, one in enumerate(self.series):
            bars = (
                f"M{LEFT + self.slot * (at + 0.14) + width * number:.1f} {HEIGHT}"
                f"v-{tall}h{width * 0.92:.1f}v{tall}z"
                for at, value in enumerate(one.values)
                if (tall := self.tall(value))
            )
            paths.append({"tone": one.tone, "path": "".join(bars)})
        return [path for path in paths if path["path"]]

    def groups(self) -> list[dict]:
        slot = self.slot
        every = max(1, -(-len(self.labels) // 12))
        return [
            {
                "url": self.urls[at] if at < len(self.urls) else "",
                "label": label if at % every == 0 else "",
                "x": round(LEFT + slot * (at + 0.5), 1),
                "told": listed(
                    [label, *(f"{one.label} {one.values[at]:,.2f}" for one in self.series)]
                ),
                "ground_x": round(LEFT + slot * at, 1),
                "slot": round(slot, 1),
            }
            for at, label in enumerate(self.labels)
        ]

    def tall(self, value: Decimal) -> int:
        """A bar of something is never invisible."""
        return max(2, int(value * HEIGHT / self.top)) if value > 0 else 0
