"""What is built from the table into Redis, and dropped when the table says otherwise."""

from kit.plumbing import redis

# KEYS: version, then what is built. The version outlives any build under way.
FORGET = """
redis.call('INCR', KEYS[1]); redis.call('EXPIRE', KEYS[1], 3600)
redis.call('UNLINK', unpack(KEYS, 2)); return 1
"""


def forget(version: str, *built: str) -> None:
    """Drop it; whoever is building it meanwhile finds another version. Raises: Down."""
    redis.run(FORGET, [version, *built], [])
