"""What stands behind /try/: a chat server in small, with its people, its news and its crowd.

A group is `try.<run>`, its people are `try.<run>.p1`, its bots `try.<run>.b001`: whose a packet or
an event is can be read from the ids.
"""

import re

GROUP = re.compile(r"try\.[a-z0-9]{8}")
PEOPLE_MAX = 6
BOTS = 100
TOKEN_S = 300
"""Short, so that hosts are seen to renew."""


def group_of(outside_id: object) -> str | None:
    """The group that an id of a group or of somebody in it tells of; None: it is none of ours."""
    found = GROUP.match(outside_id) if isinstance(outside_id, str) else None
    if found is None or outside_id[found.end() : found.end() + 1] not in ("", "."):
        return None
    return found[0]
