"""The copy in Redis of who is in a group, which answers a grab in the one trip that decides it.

It is built from the table when it is missed, a chunk at a time beside the old one. From then on a
join or leave changes one member of it: what that is, is read from the table behind the commit, and
written only if nobody has told of another change since. The share's own WHERE asks the table again
(tickets/claim.py), so a stale copy costs a needless try or a passing 404, never a share.

The version counts the changes that were told of. A builder notes where it began; whoever tells of a
change while it reads also leaves the names, so that it looks at those again instead of starting
anew. A version that moved on without names (all were dropped, or a worker of another release spoke)
makes it give up.
"""

import secrets
from collections.abc import Iterable, Iterator
from itertools import chain

from kit.pieces import pieces
from kit.plumbing import redis
from packets import copies
from packets.models import GroupMember

KEPT_S = 600  # should a message get lost, it heals by then
BUILT_WITHIN_S = 60
CHUNK = 2000  # in one call, so that none takes long
CHANGES_MAX = 2000  # more at once: the copy is dropped
TRIES = 10  # others speak in between: look again so often
PRESENT = ""  # a member of every built set: tells an empty one from one that is not there

# The keys of a group: its set, its version, the log of changes under a build (see _keys).
# ARGV: builder, seconds. Whoever builds last owns the log. Returns the version.
BEGIN = """
redis.call('DEL', KEYS[3]); redis.call('RPUSH', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[2])
return tonumber(redis.call('GET', KEYS[2]) or 0)
"""

# KEYS: the set beside. ARGV: seconds, members.
STAGE = """
redis.call('SADD', KEYS[1], unpack(ARGV, 2)); redis.call('EXPIRE', KEYS[1], ARGV[1]); return 1
"""

# Returns the version, the log's builder first.
LOOK = """
local found = redis.call('LRANGE', KEYS[3], 0, -1)
table.insert(found, 1, tonumber(redis.call('GET', KEYS[2]) or 0))
return found
"""

# Two counted lists of ARGV into a set: who is a member, who is none.
CHANGE = """
local function change(set, at)
  for _, command in ipairs({'SADD', 'SREM'}) do
    local count = tonumber(ARGV[at])
    if count > 0 then redis.call(command, set, unpack(ARGV, at + 1, at + count)) end
    at = at + count + 1
  end
end
"""

# KEYS: the group's, the set beside. ARGV: builder, version, seconds to keep, then two counted
# lists: who of the log is a member, who is none.
PUBLISH = (
    CHANGE
    + """
if redis.call('LINDEX', KEYS[3], 0) ~= ARGV[1] then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or 0) ~= tonumber(ARGV[2]) then return 0 end
change(KEYS[4], 4)
redis.call('RENAME', KEYS[4], KEYS[1]); redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[3])
return 1
"""
)

# ARGV: users. Returns the version.
TELL = """
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('RPUSH', KEYS[3], unpack(ARGV)) end
local version = redis.call('INCRBY', KEYS[2], #ARGV)
redis.call('EXPIRE', KEYS[2], 3600)
return version
"""

# ARGV: version, then two counted lists: who is a member, who is none. Returns the version: the
# caller's own, or one that says that others have spoken since.
APPLY = (
    CHANGE
    + """
local version = tonumber(redis.call('GET', KEYS[2]) or 0)
if version ~= tonumber(ARGV[1]) or redis.call('EXISTS', KEYS[1]) == 0 then return version end
change(KEYS[1], 2)
return version
"""
)


def build(group_id: str) -> bool:
    """Copy the table; False when somebody else began to, or dropped all: who misses it asks again.

    Races:  whoever joins or leaves while the table is read is looked at again, behind the change,
            until nobody has in the meantime.
    Raises: Down.
    """
    keys, builder = _keys(group_id), f"/{secrets.token_hex(8)}"  # no user is called so
    beside = f"beside:{builder}:{keys[0]}"
    began = redis.run(BEGIN, keys, [builder, BUILT_WITHIN_S])
    for chunk in pieces(chain([PRESENT], _members(group_id)), CHUNK):
        redis.run(STAGE, [beside], [BUILT_WITHIN_S, *chunk])
    for _ in range(TRIES):
        version, *told = redis.run(LOOK, keys, [])
        if not is_whole(told, builder, version - began):
            break
        names = {name.decode() for name in told[1:]}
        told_of = lists(group_id, names)
        if redis.run(PUBLISH, [*keys, beside], [builder, version, KEPT_S, *told_of]):
            return True
    redis.call(lambda r: r.unlink(beside), beside)
    return False


def is_whole(told: list[bytes], builder: str, changes: int) -> bool:
    """Whether the log is this builder's own and names every change."""
    return told[:1] == [builder.encode()] and len(told) - 1 == changes <= CHANGES_MAX


def changed(group_id: str, user_ids: Iterable[str]) -> None:
    """These may have joined or left; on_commit of members.py.

    Races:  of two who tell of the same user, the one who read first finds that the other has
            spoken since, and reads again: the last word is the table's.
    Raises: Down.
    """
    names, keys = set(user_ids), _keys(group_id)
    if not names:
        return
    if len(names) <= CHANGES_MAX:
        version = redis.run(TELL, keys, sorted(names))
        for _ in range(TRIES):
            found = redis.run(APPLY, keys, [version, *lists(group_id, names)])
            if found == version:
                return
            version = found
    forget(group_id)


def has(group_id: str, user_id: str) -> bool:
    """Whether the table knows this member."""
    return GroupMember.objects.filter(group_id=group_id, user_id=user_id).exists()


def key(group_id: str) -> str:
    return f"group:{{{group_id}}}"


def forget(group_id: str) -> None:
    """Raises: Down."""
    members, version, log = _keys(group_id)
    copies.forget(version, members, log)


def _keys(group_id: str) -> list[str]:
    """The kind in front: behind it, it would be the key of a group that is called so. In braces: on
    a Cluster they share a slot."""
    return [f"{kind}{key(group_id)}" for kind in ("", "version:", "log:")]


def lists(group_id: str, names: set[str]) -> list:
    """Who of these is a member, who is none: each list behind its length."""
    found = GroupMember.objects.filter(group_id=group_id, user_id__in=names)
    present = set(found.values_list("user_id", flat=True))
    return [len(present), *present, len(names - present), *(names - present)]


def _members(group_id: str) -> Iterator[str]:
    """By key range, so that no statement is long."""
    last = ""
    group = GroupMember.objects.filter(group_id=group_id).order_by("user_id")
    while page := list(group.filter(user_id__gt=last).values_list("user_id", flat=True)[:CHUNK]):
        yield from page
        last = page[-1]
