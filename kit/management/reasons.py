"""The reason that a command asks for: it is kept, and shown to people."""

from argparse import ArgumentTypeError
from collections.abc import Callable

from kit.plumbing import texts


def plain(most: int) -> Callable[[str], str]:
    """The type of `--reason`: some characters, none of which steers a terminal or a page."""

    def reason(given: str) -> str:
        if not 1 <= len(given.strip()) <= most or not texts.is_plain(given):
            raise ArgumentTypeError(f"1 to {most} plain characters")
        return given

    return reason
