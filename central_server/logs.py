"""What the centre writes down about itself: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import time

from config.one_line import indented, one_line
from config.parts import LogSettings

_QUIET = ("amqtt", "transitions", "aiosqlite", "asyncio", "uvicorn.access", "alembic")


class JsonLines(logging.Formatter):
    """One JSON object a line; what was given to the message can end neither the line nor the object."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class TextLines(logging.Formatter):
    """``2026-11-22T03:40:00Z warning central_server.uplink: …``; what is said stays on its line."""

    def format(self, record: logging.LogRecord) -> str:
        says = one_line(record.getMessage())
        line = f"{_utc(record.created)} {record.levelname.lower()} {record.name}: {says}"
        return f"{line}\n{indented(self.formatException(record.exc_info))}" if record.exc_info else line


def set_up_logs(settings: LogSettings) -> None:
    """Log to standard error as the settings say; may be called again when they change."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _utc(created_s: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(created_s))}.{int(created_s % 1 * 1000):03d}Z"
