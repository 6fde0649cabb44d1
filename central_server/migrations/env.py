"""Run by Alembic, with the connection that `central_server.migrations` hands over."""

from __future__ import annotations

from alembic import context

from central_server.db import Base
from central_server.modules import load_models

load_models()
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=connection.dialect.name != "sqlite",  # STRICT knows five types only
)
with context.begin_transaction():
    context.run_migrations()
