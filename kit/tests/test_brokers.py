"""What Celery is told of each broker."""

import pytest

from kit.plumbing import brokers, filebroker, redis_urls

SENTINELS = "redis+sentinel://one:26379,two:26379/hongbao/1"


@pytest.mark.parametrize(
    "url",
    ["redis://h/1", "rediss://h/1", "unix:///run/redis.sock?db=1", SENTINELS, "amqp://h",
     "amqps://h"],
)  # fmt: skip
def test_no_broker_is_waited_for_without_end(url, tmp_path):
    """Each transport has words of its own for that; one that has none here would wait for ever."""
    found, _ = redis_urls.broker_of(url)

    said = brokers.patience(found, connect_s=1.5, answer_s=2.5)

    assert 2.5 in said.values()
    assert set(said) <= set(brokers.options(found, tmp_path))


def test_rabbitmq_has_a_quorum_queue_and_says_what_it_has(tmp_path):
    queue = brokers.queue("amqps://h")

    assert queue.queue_arguments["x-queue-type"] == "quorum"
    assert queue.exchange.type == "topic", "countdowns go by topics"
    assert brokers.options("amqps://h", tmp_path)["confirm_publish"] is True


@pytest.mark.parametrize("url", ["redis://h/1", f"{filebroker.SCHEME}://localhost", SENTINELS])
def test_elsewhere_it_is_celerys_own(url):
    queue = brokers.queue(redis_urls.broker_of(url)[0])

    assert (queue.name, queue.exchange.name, queue.exchange.type) == ("celery", "celery", "direct")
    assert not queue.queue_arguments
