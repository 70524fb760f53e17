"""Lines gather, and none is lost or overtakes another."""

import json
import logging
import queue
import sys

from redpacket_site.kit import logs


def test_lines_leave_in_order_and_all_of_them_at_the_end(capsys):
    lines = queue.SimpleQueue()
    listener = logs._Listener(lines, logging.StreamHandler(sys.stderr))
    record = logging.makeLogRecord({"msg": "in between"})
    for line in ({"path": "/一", "timestamp": 0.0}, record, {"path": "/2", "timestamp": 1.5}):
        lines.put(line)

    listener.start()
    listener.stop()

    first, middle, last = capsys.readouterr().err.splitlines()
    assert json.loads(first) == {"path": "/一", "timestamp": "1970-01-01T00:00:00+00:00"}
    assert middle == "in between"
    assert json.loads(last) == {"path": "/2", "timestamp": "1970-01-01T00:00:01.500000+00:00"}
