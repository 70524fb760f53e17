"""The queue of positions 1..n (tickets) in Redis, and how it is built from the table.

Redis is an accelerator: everything here is made from the database and may vanish at any moment.
What it says is said again by the share row's own WHERE (claim.py), so a stale key can cost a
needless try or a passing `too_slow`, never a share or a cent. `Down` sends the grab to desk.py.
"""
# Long: each script stands beside the call that it answers.

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kit import clock
from kit.http import throttle
from kit.plumbing import quick, redis
from kit.plumbing.redis import Down
from kit.present import present
from kit.refusals import NotFound, Unavailable
from packets import copies, member_set
from packets.models import RedPacket, Share
from packets.refusals import NotForYou, NotIssued, OwnPacket, PacketClosed, PacketFrozen
from packets.states import Kind, Outcome, PayStatus
from packets.tickets import elsewhere
from packets.tickets.elsewhere import FROZEN_WALLETS
from wallets.models import Wallet
from wallets.refusals import WalletFrozen

LEASE_MS = 5000  # a ticket becomes a share within it (lock wait 3 s); then its mark may be doubted
BUILD_WAIT_S = 0.02
BUILD_TRIES = 100
GUARD_MS, GROUP_GUARD_MS = 2000, 10_000  # a group may have 100,000 members
KEPT_PAST_DEADLINE_S = 3600
KEPT_UNSETTLED_S = 5  # drafts, frozen and shut packets: should a message get lost, it heals by then
SET_KEPT_S = 600
_FROZEN_VERSION = f"version:{FROZEN_WALLETS}"

TAKE = (Path(__file__).parent / "take.lua").read_text()

# KEYS: header, queue, takers, version. ARGV: version, seconds to keep, then three counted lists:
# header pairs, positions, takers with their marks.
BUILD_PACKET = """
if (redis.call('GET', KEYS[4]) or '0') ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
local at = 3
for i, command in ipairs({'HSET', 'RPUSH', 'HSET'}) do
  local count = tonumber(ARGV[at])
  if count > 0 then redis.call(command, KEYS[i], unpack(ARGV, at + 1, at + count)) end
  redis.call('EXPIRE', KEYS[i], ARGV[2])
  at = at + count + 1
end
return 1
"""

# KEYS: set, its version. ARGV: version, seconds to keep, members.
BUILD_SET = """
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 1000 do
  redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

# An empty list or hash is no key: who fills it again makes it, and gives it its header's time.
# KEYS: header, queue, takers. ARGV: user, position, empty when it was never queued. To the front: n
# stays the last one out. The user's mark sends him to the table: his commit may have been lost
# sight of, and be there.
GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], '0')
if ARGV[2] ~= '' then redis.call('LPUSH', KEYS[2], ARGV[2]) end
for i = 2, 3 do redis.call('PEXPIRE', KEYS[i], redis.call('PTTL', KEYS[1])) end
return 1
"""

# KEYS: header, queue. ARGV: positions that the table says nobody took.
RESTOCK = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('LLEN', KEYS[2]) > 0 then return 0 end
redis.call('RPUSH', KEYS[2], unpack(ARGV))
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return 1
"""

# KEYS: header, takers. ARGV: who the table says took a share: who won it by the table has no mark
# here, and would be told that he was too slow.
GONE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, user in ipairs(ARGV) do redis.call('HSET', KEYS[2], user, '0') end
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
redis.call('HSET', KEYS[1], 'gone', '1')
return 1
"""

# KEYS: header, queue, takers. ARGV: seconds to keep. What is not built yet is built as paid.
PAID = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'pay', '1')
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A position to try for, and what the winner's transaction needs to know of its packet."""

    position: int
    rp_id: int
    public_id: str
    kind: int
    sender: str
    for_id: str
    number: int
    pay_status: int
    is_queued: bool = True

    @property
    def is_named(self) -> bool:
        """The position is this user's from the start: nobody else can spend it."""
        return self.kind == Kind.EXCLUSIVE


@dataclass(frozen=True, slots=True)
class Taken:
    """This user holds or held a ticket; the table knows whether it became a share."""

    rp_id: int
    in_flight: bool


_REFUSALS = {
    b"not_found": NotFound,
    b"own_packet": OwnPacket,
    b"not_for_you": NotForYou,
    b"packet_closed": PacketClosed,
    b"not_issued": NotIssued,
    b"packet_frozen": PacketFrozen,
    b"wallet_frozen": WalletFrozen,
}
_OUTCOMES = {outcome.encode(): outcome for outcome in (Outcome.TOO_SLOW, Outcome.EXPIRED)}
REFUSED = frozenset(word.decode() for word in (*_REFUSALS, *_OUTCOMES, b"throttled"))


def take(
    *,
    public_id: str,
    user_id: str,
    now: datetime,
    member: bool | None,
    again: bool = False,
    counted: bool = False,
) -> Ticket | Taken | Outcome:
    """Ask Redis for a ticket: one script call once the packet's keys are there.

    `member` is the chat server's answer, None to ask the copy of the synced table; `again` takes
    although marked as taken before; `counted` says that the throttle has counted this request.

    Raises: Problem (as in grab.py), Down.
    """
    now_ms = int(now.timestamp() * 1000)
    for _ in range(BUILD_TRIES):
        answer = _ask(public_id, user_id, now, member, again=again, counted=counted)
        counted = True
        if outcome := _decided(answer):
            return outcome
        match answer[0]:
            case b"ticket":
                return _ticket(public_id, answer)
            case b"taken":
                return Taken(int(answer[1]), bool(answer[2]))
            case b"look":
                if restock(public_id, int(answer[1])) and int(answer[2]) <= now_ms:
                    return Outcome.EXPIRED
            case b"elsewhere":
                elsewhere.heard(public_id, answer[1].decode())
            case b"unbuilt":
                if not _build(public_id, *answer[1:]) and answer[1] == b"group":
                    # A big group takes a moment: meanwhile the table says who is in it.
                    member = member_set.has(answer[2].decode(), user_id)
            case word:
                raise AssertionError(f"take.lua said {word!r}")
    raise Unavailable()


def _ask(
    public_id: str,
    user_id: str,
    now: datetime,
    member: bool | None,
    *,
    again: bool = False,
    counted: bool = False,
) -> list:
    """What take.lua says to one grab. Raises: Down."""
    if redis.is_cluster():
        return _ask_in_slots(public_id, user_id, now, member, again=again, counted=counted)
    rate = throttle.GRAB
    is_throttled = not counted and quick.setting("REDPACKET_THROTTLE")
    packet = f"packet:{{{public_id}}}:"
    return redis.run(
        TAKE,
        (f"{packet}h", f"{packet}q", f"{packet}t", FROZEN_WALLETS, throttle.key(rate, user_id)),
        (
            user_id,
            int(now.timestamp() * 1000),
            LEASE_MS,
            int(again),
            rate.interval_ms if is_throttled else 0,
            rate.tolerance_ms if is_throttled else 0,
            "" if member is None else int(member),
        ),
    )


def _ask_in_slots(
    public_id: str,
    user_id: str,
    now: datetime,
    member: bool | None,
    *,
    again: bool,
    counted: bool,
) -> list:
    """The same on a Cluster: the packet's slot decides, and is told what other slots say. Raises:
    Throttled, Down."""
    if not counted:
        throttle.check(throttle.GRAB, user_id)
    is_frozen = elsewhere.is_frozen(user_id)
    if is_frozen is None:
        return [b"unbuilt", b"wallets"]
    if member is None and (group_id := elsewhere.group_of(public_id)):
        member = elsewhere.is_member(group_id, user_id)
        if member is None:
            return [b"unbuilt", b"group", group_id.encode()]
    return redis.run(
        TAKE,
        _keys(public_id)[:3],
        (
            user_id,
            int(now.timestamp() * 1000),
            LEASE_MS,
            int(again),
            0,
            0,
            "" if member is None else int(member),
            int(is_frozen),
        ),
    )


def _decided(answer: list) -> Outcome | None:
    """How the grab ended, when Redis alone decides that. Raises: Problem, the refusals."""
    word = answer[0]
    if outcome := _OUTCOMES.get(word):
        return outcome
    if refusal := _REFUSALS.get(word):
        raise refusal()
    if word == b"throttled":
        raise throttle.refusal(throttle.GRAB, int(answer[1]))
    return None


def give_back(ticket: Ticket, user_id: str) -> None:
    """The ticket was not used: the next one may have it."""
    with suppress(Down):  # what is not given back is found by the next look into the table
        position = "" if ticket.is_named else ticket.position
        redis.run(GIVE_BACK, _keys(ticket.public_id)[:3], [user_id, position])


def restock(public_id: str, rp_id: int) -> int:
    """Fill an empty queue with what the table says nobody took, or note that all are gone; how many
    nobody took.

    Races: a position may be on its way to a taker; a spent ticket changes no row and costs a try.
    """
    untaken = Share.objects.filter(rp_id=rp_id, user_id=None).order_by("position")
    if positions := list(untaken.values_list("position", flat=True)):
        redis.run(RESTOCK, _keys(public_id)[:2], positions)
    else:
        _tell_gone(public_id, rp_id)
    return len(positions)


def no_more(public_id: str, rp_id: int) -> None:
    """Every share is taken: who comes now is told so without a look at the queue."""
    if redis.is_configured():
        with suppress(Down):  # what is not told is found by the next look into the table
            _tell_gone(public_id, rp_id)


def _tell_gone(public_id: str, rp_id: int) -> None:
    header, _, takers, *_ = _keys(public_id)
    users = Share.objects.filter(rp_id=rp_id).values_list("user_id", flat=True)
    redis.run(GONE, [header, takers], list(users))


def prepare(public_id: str) -> None:
    """Build the packet's keys before the first grab; on_commit of the issue."""
    try:
        forget(public_id)
        _build_packet(public_id)
    except (Down, NotFound):
        pass  # the first grab builds them, or goes by the table


def paid(packet: RedPacket) -> None:
    """The money of an awaiting packet has arrived; on_commit. The queue stays: dropping it in the
    middle of a rush would hand out again what is on its way to a taker.

    Races: a builder that read "awaiting" may write after this: a grab reads that again, fresh, and
           the keys of an awaiting packet live for seconds.
    """
    with suppress(Down):
        redis.run(PAID, _keys(packet.public_id)[:3], [_kept_s(packet)])


def forget(public_id: str) -> None:
    """Drop the packet's keys: it was frozen, closed, voided, or its tickets turned out spent."""
    header, queue, takers, version, _ = _keys(public_id)
    with suppress(Down):  # the share's WHERE holds; unsettled headers live for seconds
        copies.forget(version, header, queue, takers)


def forget_frozen_wallets() -> None:
    """A wallet was frozen or unfrozen."""
    elsewhere.forget()
    with suppress(Down):  # the share's WHERE holds
        copies.forget(_FROZEN_VERSION, FROZEN_WALLETS)


def _keys(public_id: str) -> list[str]:
    """Header, queue, takers, version, builder's guard; one slot of a Redis Cluster."""
    return [f"packet:{{{public_id}}}:{part}" for part in ("h", "q", "t", "version", "guard")]


def _ticket(public_id: str, answer: list) -> Ticket:
    _, position, rp_id, kind, sender, for_id, number, pay_status = answer
    return Ticket(
        position=int(position),
        rp_id=int(rp_id),
        public_id=public_id,
        kind=int(kind),
        sender=sender.decode(),
        for_id=for_id.decode(),
        number=int(number),
        pay_status=int(pay_status),
    )


def _build(public_id: str, what: bytes, group_id: bytes = b"") -> bool:
    """Build what the script missed, one process at a time; False: another one is at it, and who
    misses a packet or the frozen wallets waits a moment and asks again.

    Races: a builder may read the table just before a freeze or a removal commits; its copy carries
           the version read before, and the script drops it when the version has moved on.
    """
    if what == b"group":
        guard, kept_ms = f"guard:{member_set.key(group_id.decode())}", GROUP_GUARD_MS
    else:
        guard, kept_ms = f"{_keys(public_id)[4]}:{what.decode()}", GUARD_MS
    if not redis.call(lambda r: r.set(guard, 1, nx=True, px=kept_ms), guard):
        if what != b"group":
            time.sleep(BUILD_WAIT_S)
        return False
    try:
        match what:
            case b"packet":
                _build_packet(public_id)
            case b"group":
                return member_set.build(group_id.decode())
            case _:
                _build_frozen_wallets()
    finally:
        redis.call(lambda r: r.delete(guard), guard)
    return True


def _build_packet(public_id: str) -> None:
    """Raises: NotFound (404), Down."""
    *keys, version_key, _ = _keys(public_id)
    version = redis.call(lambda r: r.get(version_key), version_key) or b"0"
    packet = RedPacket.objects.filter(public_id=public_id).first()
    if packet is None:
        raise NotFound()
    untaken, takers, named = [], [], {}
    shares = Share.objects.filter(rp=packet).order_by("position")
    for position, taker, for_user in shares.values_list("position", "user_id", "for_user"):
        if taker is None:
            untaken.append(position)
        else:
            takers += [taker, 0]
        if for_user is not None:
            named[f"for:{for_user}"] = position
    header = _header(packet, is_gone=not untaken, named=named)
    positions = [] if named else untaken  # what is somebody's own is no ticket
    lists = [part for items in (header, positions, takers) for part in (len(items), *items)]
    redis.run(BUILD_PACKET, [*keys, version_key], [version, _kept_s(packet), *lists])


def _header(packet: RedPacket, *, is_gone: bool, named: dict[str, int]) -> list:
    expire = packet.expire_time
    is_late_draft = packet.draft_until is not None and packet.draft_until <= clock.now()
    is_shut = bool(packet.voided_at or packet.closed_at or is_late_draft)
    fields = {
        "kind": packet.type,
        "for": packet.for_id,
        "pay": packet.pay_status,
        "frozen": int(packet.is_frozen),
        "shut": int(is_shut),
        "gone": int(is_gone),
        "id": packet.pk,
        "sender": packet.user_id,
        "number": packet.number,
        "expire": int(expire.timestamp() * 1000) if expire else 0,
        "popped": 0,
        **named,
    }
    return [part for pair in fields.items() for part in pair]


def _kept_s(packet: RedPacket) -> int:
    if (
        packet.is_frozen
        or packet.voided_at
        or packet.closed_at
        or packet.pay_status != PayStatus.PAID
    ):
        return KEPT_UNSETTLED_S
    left = present(packet.expire_time).timestamp() - clock.timestamp()
    return max(0, int(left)) + KEPT_PAST_DEADLINE_S


def _build_frozen_wallets() -> None:
    keys = [FROZEN_WALLETS, _FROZEN_VERSION]
    version = redis.call(lambda r: r.get(_FROZEN_VERSION), _FROZEN_VERSION) or b"0"
    frozen = Wallet.objects.filter(is_frozen=True).values_list("user_id", flat=True)
    redis.run(BUILD_SET, keys, [version, SET_KEPT_S, member_set.PRESENT, *frozen])
