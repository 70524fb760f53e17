"""What decides a grab and lives in other slots of a Redis Cluster than its packet (docs/scale.md).

A script sees the keys of one hash tag. So who is in the group and whose wallet is frozen is asked
for before it, in trips of their own, and remembered by this process for two seconds. What is stale
costs a needless try: the share's own WHERE asks the table again (claim.py). Where there is one
Redis, the script looks for itself and nothing of this is used.
"""

import time
from contextlib import suppress

from kit.plumbing import forks, redis
from kit.plumbing.redis import Down
from packets import member_set

REMEMBERED_S = 2.0
REMEMBERED_MAX = 50_000
FROZEN_WALLETS = "{wallets:frozen}"

_members: dict[tuple[str, str], float] = {}  # until when: a refusal is not remembered
_groups: dict[str, str] = {}  # of packets; never changes
_frozen: list[tuple[float, frozenset[bytes]]] = []


@forks.in_child
def forget() -> None:
    _members.clear()
    _groups.clear()
    _frozen.clear()


def group_of(public_id: str) -> str | None:
    """Whose packet it is, when this process has heard of it."""
    return _groups.get(public_id)


def heard(public_id: str, group_id: str) -> None:
    _keep_small(_groups)
    _groups[public_id] = group_id


def is_member(group_id: str, user_id: str) -> bool | None:
    """None: the copy is not built. Where nobody answers for it, the table does."""
    who, now = (group_id, user_id), time.monotonic()
    if _members.get(who, 0.0) > now:
        return True
    key = member_set.key(group_id)
    try:
        is_built, is_in = redis.call(
            lambda r: r.smismember(key, [member_set.PRESENT, user_id]), key
        )
    except Down:
        is_built, is_in = True, member_set.has(group_id, user_id)
    if not is_built:
        return None
    if is_in:
        _keep_small(_members)
        _members[who] = now + REMEMBERED_S
    return bool(is_in)


def is_frozen(user_id: str) -> bool | None:
    """None: the copy is not built. Where nobody answers for it, the share's WHERE will."""
    now = time.monotonic()
    if not _frozen or _frozen[0][0] <= now:
        found: set[bytes] = {member_set.PRESENT.encode()}
        with suppress(Down):
            found = redis.call(lambda r: r.smembers(FROZEN_WALLETS), FROZEN_WALLETS)
        if member_set.PRESENT.encode() not in found:
            return None
        _frozen[:] = [(now + REMEMBERED_S, frozenset(found))]
    return user_id.encode() in _frozen[0][1]


def _keep_small(memory: dict) -> None:
    if len(memory) > REMEMBERED_MAX:
        memory.clear()
