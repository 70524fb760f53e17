"""The product on a free port of this machine, in a thread; whoever ends it does not wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import LiveServerThread


class _Server(ThreadedWSGIServer):
    def serve_forever(self, poll_interval: float = 0.01) -> None:
        super().serve_forever(poll_interval)


class _Thread(LiveServerThread):
    server_class = _Server


@contextmanager
def serve(files: Callable = lambda application: application) -> Iterator[str]:
    """Its address. `files`: a handler of Django's before the product, for files that the product's
    own middleware would want collected."""
    thread = _Thread("127.0.0.1", files)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()
        thread.join()
