"""Names for ids, as the desk's pages show them: people know the shop by its name, and its id only helps."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.stores import service as stores


async def store_names(session: AsyncSession) -> dict[str, str]:
    """What each store is called, by its id."""
    return {store.id: store.name for store in await stores.stores(session)}
