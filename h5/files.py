"""The pages' scripts and styles, under a path that changes with what they hold.

One digest over the whole folder is a part of the path, so that the relative imports between modules
stay true, and a page never mixes two versions.
"""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import FileSystemFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedStaticFilesStorage

PAGES = Path(__file__).parent / "pages"
HASHED = re.compile(r"/h5/[0-9a-f]{16}/")
A_YEAR = "public, max-age=31536000, immutable"


def digest_of(folder: Path) -> str:
    """Of names and contents."""
    found = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:16]


@cache
def folder() -> str:
    """Below STATIC_URL, as this process has found it at its start."""
    return f"h5/{digest_of(PAGES)}"


def url(name: str) -> str:
    return f"{settings.STATIC_URL}{folder()}/{name}"


class Finder(FileSystemFinder):
    """Shows the folder to collectstatic, and to servers of tests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        storage = FileSystemStorage(location=PAGES)
        storage.prefix = folder()  # type: ignore[attr-defined]
        self.locations, self.storages = [(folder(), str(PAGES))], {str(PAGES): storage}

    def check(self, **kwargs: Any) -> list:
        return []

    def list(self, ignore_patterns: Any) -> Any:
        return super().list([*(ignore_patterns or ()), *(["try"] if settings.PRODUCTION else ())])


class Compressed(CompressedStaticFilesStorage):
    """With a .gz beside each file; only what has changed is compressed again, since `make up`
    collects at each start."""

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Any:
        return super().post_process(
            {name: paths[name] for name in paths if self._is_stale(name)}, *args, **options
        )

    def _is_stale(self, name: str) -> bool:
        file, compressed = Path(self.path(name)), Path(self.path(f"{name}.gz"))
        return not compressed.exists() or compressed.stat().st_mtime < file.stat().st_mtime


def headers(found: Headers, path: str, url: str) -> None:
    """Whitenoise's own words for "for ever" are ten years."""
    if HASHED.search(url):
        found["Cache-Control"] = A_YEAR
