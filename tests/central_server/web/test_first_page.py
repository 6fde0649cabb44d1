"""Whoever may not see the overview is led from / to the first page that they may."""

from __future__ import annotations


async def test_who_may_not_see_the_first_page_is_led_to_their_own(client, as_user) -> None:
    as_user("guest")
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
