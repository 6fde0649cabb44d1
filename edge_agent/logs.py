"""The agent's own log: lines for people, or one JSON object a line for a collector."""

from __future__ import annotations

import json
import logging
import sys

from config.one_line import indented, one_line


class JsonLines(logging.Formatter):
    """One object a line; a line end inside a message is escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        found = {"at": round(record.created, 3), "level": record.levelname.lower(), "from": record.name}
        found["says"] = record.getMessage()
        if record.exc_info:
            found["trace"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """A line for people; what a device said can neither forge a second one nor drive their terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname.lower():7} {record.name}: {one_line(record.getMessage())}"
        return f"{line}\n{indented(self.formatException(record.exc_info))}" if record.exc_info else line


def set_up(level: str, form: str) -> None:
    """Everything of `level` and above to standard error, where systemd adds the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
