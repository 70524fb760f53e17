"""News that travels up. Who stands below says in a `Hook` what he asks or tells; who stands above
hangs his answer there, in his `AppConfig.ready`. So it is known, without an import upwards."""

from typing import TypeVar

T = TypeVar("T")


class Hook(dict[str, T]):
    """Answers by name, in the order in which they were hung up.

    >>> colours: Hook[str] = Hook("what is painted")
    >>> colours.hang("door", "red")
    'red'
    >>> colours.hang("door", "green")
    Traceback (most recent call last):
    RuntimeError: what is painted: 'door' is taken
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def hang(self, name: str, answer: T) -> T:
        """One a name; a second one is a mistake that shows when the process starts."""
        if name in self:
            raise RuntimeError(f"{self.what}: {name!r} is taken")
        self[name] = answer
        return answer
