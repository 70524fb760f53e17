"""An ALTER of a table that somebody reads gives up: else everybody else waits behind it."""

import threading
import time

import pytest
from django.db import connection

TABLE = "being_altered"
ALTER = f"ALTER TABLE {TABLE} ADD COLUMN more INT NULL, ALGORITHM=INPLACE, LOCK=NONE"
READ = f"SELECT * FROM {TABLE}"
GAVE_UP = 1205
pytestmark = pytest.mark.usefixtures("mariadb_alone")


class Session:
    def __init__(self) -> None:
        self.connection = connection.get_new_connection(connection.get_connection_params())
        self.connection.autocommit(True)

    def run(self, statement: str) -> int:
        """The number of its error, 0 for none."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement)
            cursor.fetchall()
        except connection.Database.OperationalError as error:
            return error.args[0]
        return 0


@pytest.fixture
def sessions():
    """One that reads the table and goes on reading, one that alters, one that wants to read."""
    made = [Session() for _ in range(3)]
    reading, _altering, _wanting = made
    assert reading.run(f"CREATE TABLE {TABLE} (id INT PRIMARY KEY)") == 0
    assert (reading.run("START TRANSACTION"), reading.run(READ)) == (0, 0)
    yield made
    reading.connection.rollback()
    assert reading.run(f"DROP TABLE {TABLE}") == 0
    for session in made:
        session.connection.close()


def waits_for_the_table() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist"
            " WHERE state = 'Waiting for table metadata lock' AND info LIKE 'ALTER%%'"
        )
        return cursor.fetchone()[0] == 1


def test_our_sessions_wait_five_seconds_for_a_table():
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@lock_wait_timeout")
        assert cursor.fetchone() == (5,)


def test_an_alter_gives_up_and_the_others_read_on(sessions):
    _reading, altering, wanting = sessions
    altering.run("SET SESSION lock_wait_timeout = 1")

    assert altering.run(ALTER) == GAVE_UP
    assert wanting.run(READ) == 0


def test_an_alter_gives_up_and_the_others_read_on_without_the_guard(sessions):
    reading, altering, wanting = sessions
    altering.run("SET SESSION lock_wait_timeout = 86400")  # the server's own
    said: list[int] = []
    thread = threading.Thread(target=lambda: said.append(altering.run(ALTER)))
    thread.start()
    while not waits_for_the_table():
        time.sleep(0.01)

    wanting.run("SET SESSION lock_wait_timeout = 1")
    assert wanting.run(READ) == GAVE_UP, "though nobody has altered anything"

    reading.connection.rollback()
    thread.join()
    assert said == [0]
