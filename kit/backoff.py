"""Back-off (退避): whoever is asked in vain is asked ever more seldom."""

from datetime import timedelta

DOUBLINGS = 12  # beyond, every `most` has long been reached


def pause(first: timedelta, tries: int, most: timedelta) -> timedelta:
    """How long to wait after so many tries: `first` doubled each time, `most` at the most."""
    return min(first * 2 ** min(tries, DOUBLINGS), most)
