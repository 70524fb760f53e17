"""Until somebody waits for a lock."""

import time

from django.db import connection

WAITING = (
    "SELECT COUNT(*) FROM information_schema.innodb_trx"
    " JOIN information_schema.processlist ON id = trx_mysql_thread_id"
    " WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()"
)
# OceanBase does not always say who waits, but how long a statement has been at it.
LONG_AT_IT = (
    "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
    " AND state = 'ACTIVE' AND info LIKE '%UPDATE%' AND time >= 1 AND id <> CONNECTION_ID()"
)


def wait_for_a_lock_wait() -> None:
    """In this worker's database: the server is shared with another worker's races."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            for question in (WAITING,) if connection.mysql_is_mariadb else (WAITING, LONG_AT_IT):
                cursor.execute(question)
                if cursor.fetchone()[0]:
                    return
        time.sleep(0.15)  # the server refreshes this table every 0.1 s
    raise AssertionError("nobody waited")
