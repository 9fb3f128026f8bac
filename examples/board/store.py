"""The messages of the board in one SQLite file.

A connection belongs to one request. Any number of threads, greenlets and processes may use the file at the same time:
readers never wait for a writer (WAL), writers wait for each other.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

BUSY_TIMEOUT = 10.0  # seconds that a writer waits for another

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    created REAL NOT NULL,
    file_name TEXT,
    file_type TEXT,
    file_size INTEGER
);
CREATE TABLE IF NOT EXISTS content (message INTEGER PRIMARY KEY REFERENCES message (id), data BLOB NOT NULL);
"""

_prepared: set[Path] = set()

COLUMNS = 'id, author, body, created, file_name, file_type, file_size'


@dataclass(frozen=True)
class Upload:
    """A file on its way into the store."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True)
class Message:
    """One message; `file_*` are None if no file belongs to it."""

    id: int
    author: str
    body: str
    created: float
    file_name: str | None = None
    file_type: str | None = None
    file_size: int | None = None

    @property
    def time(self) -> datetime:
        """When it was written, in UTC."""
        return datetime.fromtimestamp(int(self.created), UTC)

    @property
    def is_image(self) -> bool:
        """Whether a browser may show the file in the page."""
        return self.file_type in {'image/png', 'image/jpeg', 'image/gif', 'image/webp'}

    def as_dict(self) -> dict[str, Any]:
        """Return what the API tells about the message."""
        file = {'name': self.file_name, 'type': self.file_type, 'size': self.file_size} if self.file_name else None
        return {
            'id': self.id,
            'author': self.author,
            'body': self.body,
            'created': self.time.isoformat(),
            'file': file,
        }


class Store:
    """A connection to the file; close it, or use it in a `with` statement.

    Parameters:
        path: of the file; it and its folder are created at first use.
    """

    def __init__(self, path: Path) -> None:
        fresh = path not in _prepared
        if fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Some servers iterate a streamed body in another thread than the one that made it, though never in two at once.
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        if fresh:
            self._prepare()
            _prepared.add(path)

    def _prepare(self) -> None:
        with suppress(sqlite3.OperationalError):  # another process is just doing the same
            self._db.execute('PRAGMA journal_mode = WAL')
        self._db.executescript(f'BEGIN IMMEDIATE; {SCHEMA} COMMIT;')
        self._db.execute('INSERT OR IGNORE INTO setting VALUES (?, ?)', ('secret', secrets.token_hex(32)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def secret(self) -> str:
        """Return the key that signs cookies: the same for every process, and after a restart."""
        return str(self._db.execute("SELECT value FROM setting WHERE name = 'secret'").fetchone()[0])

    def add(self, author: str, body: str, upload: Upload | None = None) -> int:
        """Store a message, with its file if there is one, and return its number."""
        file = (upload.name, upload.type, len(upload.data)) if upload else (None, None, None)
        self._db.execute('BEGIN IMMEDIATE')
        with self._db:
            cursor = self._db.execute(
                f'INSERT INTO message ({COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?)', (author, body, time.time(), *file)
            )
            if upload:
                self._db.execute('INSERT INTO content VALUES (?, ?)', (cursor.lastrowid, upload.data))
        return cursor.lastrowid or 0

    def count(self) -> int:
        """Return how many messages there are."""
        return int(self._db.execute('SELECT count(*) FROM message').fetchone()[0])

    def get(self, number: int) -> Message | None:
        """Return one message, or None if there is no such number."""
        row = self._db.execute(f'SELECT {COLUMNS} FROM message WHERE id = ?', (number,)).fetchone()
        return Message(*row) if row else None

    def latest(self, limit: int, offset: int = 0) -> list[Message]:
        """Return messages, the latest first, without the first `offset` of them."""
        query = f'SELECT {COLUMNS} FROM message ORDER BY id DESC LIMIT ? OFFSET ?'
        return [Message(*row) for row in self._db.execute(query, (limit, offset))]

    def before(self, number: int, limit: int) -> list[Message]:
        """Return messages with smaller numbers than `number`, the latest first."""
        query = f'SELECT {COLUMNS} FROM message WHERE id < ? ORDER BY id DESC LIMIT ?'
        return [Message(*row) for row in self._db.execute(query, (number, limit))]

    def all(self) -> Iterator[Message]:
        """Yield all messages, the oldest first; only one is in memory at a time."""
        return (Message(*row) for row in self._db.execute(f'SELECT {COLUMNS} FROM message ORDER BY id'))

    def content(self, number: int) -> bytes | None:
        """Return the content of a message's file, or None if there is none."""
        row = self._db.execute('SELECT data FROM content WHERE message = ?', (number,)).fetchone()
        return bytes(row[0]) if row else None
