"""The lucky draw (拼手气): total, number, limits and seed -> amounts. Pure, exact, in fen.

Anybody can repeat it in any language: see docs/draw.md (Spec 2.5).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable


def new_seed() -> bytes:
    return secrets.token_bytes(32)


def commitment(
    *, public_id: str, total: int, number: int, minimum: int, maximum: int, seed: bytes
) -> str:
    """What is published when the packet is made; the seed, shown at the end, must hash to it.

    >>> commitment(public_id="rp_x", total=1000, number=3, minimum=1, maximum=20000, seed=bytes(32))
    'b3a88167e6ab21863303101c9da8c59e23e0e7ad6095f55554ac6b398574abb0'
    """
    text = f"{public_id}:{total}:{number}:{minimum}:{maximum}:{seed.hex()}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def draw(*, total: int, number: int, minimum: int, maximum: int, seed: bytes) -> list[int]:
    """Fen of the shares at positions 1..number; the sum is `total`, each within the limits.

    Every position has the same distribution: the amounts are drawn one after the other from what
    is left (up to double the average), then shuffled.

    Raises: ValueError when `number` shares within the limits cannot add up to `total`.
    """
    if not (number >= 1 and number * minimum <= total <= number * maximum):
        raise ValueError(f"{total} fen do not fit {number} shares of {minimum} to {maximum}")
    rand = _rand(seed)
    shares, rest = [], total
    for left in range(number, 1, -1):
        low = max(minimum, rest - maximum * (left - 1))
        high = max(low, min(maximum, rest - minimum * (left - 1), 2 * rest // left - 1))
        share = low + rand(high - low + 1)
        shares.append(share)
        rest -= share
    shares.append(rest)
    for i in range(number - 1, 0, -1):
        j = rand(i + 1)
        shares[i], shares[j] = shares[j], shares[i]
    return shares


def best_luck(shares: list[int]) -> int:
    """The position (1..n) of the largest share; on a tie the lowest.

    >>> best_luck([3, 9, 9, 1])
    2
    """
    return shares.index(max(shares)) + 1


def _rand(seed: bytes) -> Callable[[int], int]:
    """rand(k): the next number below k, from HMAC-SHA256 over a counter."""
    count = 0

    def rand(k: int) -> int:
        nonlocal count
        digest = hmac.digest(seed, str(count).encode("ascii"), "sha256")
        count += 1
        return int.from_bytes(digest, "big") % k

    return rand
