"""Run by Alembic, with the connection that `central_server.migrations` hands over."""

from __future__ import annotations

from alembic import context

from central_server.db import Base
from central_server.modules import load_models

load_models()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
