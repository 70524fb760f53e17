"""Named places in a verb where a test steps in: somebody else's whole turn, or a machine's death.

A verb says `pause.here("settle: has read what is owed")`, a test `with pause.at(that, step):`.
The product gives nobody a step; `here` then finds an empty dictionary, and is gone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_steps: dict[str, Callable[[], object]] = {}


def here(place: str) -> None:
    if _steps and (step := _steps.get(place)):
        step()


@contextmanager
def at(
    place: str, step: Callable[[], object], *, is_each: bool = False, is_sure: bool = True
) -> Iterator[None]:
    """The first who comes there takes the step, and whoever comes there meanwhile walks through;
    `is_each`: everybody takes it. Where nobody comes the name is wrong, but when not `is_sure`."""
    came: list[bool] = []

    def taken() -> None:
        if is_each or _steps.pop(place, None) is not None:
            came.append(True)
            step()

    _steps[place] = taken
    try:
        yield
    finally:
        _steps.pop(place, None)
    assert came or not is_sure, f"nobody came to {place!r}"  # noqa: S101
