"""The embedded broker: several processes write and read, and no message is lost or halved."""

import pytest
from kombu import Connection

from kit.plumbing import filebroker
from testing.forks import in_processes

pytestmark = pytest.mark.once
WRITERS, READERS, MESSAGES = 3, 3, 200


@pytest.fixture
def broker(tmp_path):
    filebroker.register()
    options = filebroker.options(tmp_path)

    def connect() -> Connection:
        return Connection(f"{filebroker.SCHEME}://", transport_options=options)

    connect.folder = tmp_path / "messages"
    return connect


def read(queue) -> list:
    """The next message, or nothing."""
    try:
        message = queue.get(block=False)
    except queue.Empty:
        return []
    message.ack()
    return [message.payload]


def test_race_of_writers_and_readers_loses_nothing(broker):
    def work(part):
        with broker() as connection:
            queue = connection.SimpleQueue("race")
            if part < WRITERS:
                for i in range(MESSAGES):
                    queue.put({"n": part * MESSAGES + i, "text": "红包" * 500})
                return []
            got = []
            while len(got) < MESSAGES // 2:
                got += read(queue)
            return got

    parts = in_processes(work, range(WRITERS + READERS))
    with broker() as connection:
        queue, left = connection.SimpleQueue("race"), []
        while more := read(queue):
            left += more

    got = [body["n"] for part in parts for body in part] + [body["n"] for body in left]
    assert sorted(got) == list(range(WRITERS * MESSAGES))


def test_half_written_message_is_not_seen(broker):
    with broker() as connection:
        queue = connection.SimpleQueue("half")
        queue.put({"n": 1})
        (whole,) = (path for path in broker.folder.iterdir() if path.suffix == ".msg")
        whole.rename(whole.with_name(f".{whole.name}.half"))

        assert read(queue) == []
