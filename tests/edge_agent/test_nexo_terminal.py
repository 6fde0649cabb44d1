"""A nexo till whose box starts anew: the journal knows what became of a payment, by the till's reference."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from drivers.base import Note
from drivers.http_frames import HttpReader, Response, write_fate, write_request
from drivers.pos.nexo.decoder import NexoDecoder
from drivers.pos.nexo.options import REPEAT_MS, NexoOptions
from drivers.pos.nexo.protocol import Header, write_message
from edge_agent.session import Session
from edge_agent.tally import Tally
from tests.edge_agent.money_shop import MemoryAnchor, Office
from tests.edge_agent.terminal_box import TILL, TerminalBox, open_box


class Talk:
    """The decoder and its session, without a port."""

    def __init__(self, box: TerminalBox) -> None:
        self.box, self.number = box, 0
        self.decoder, self._reader = NexoDecoder(NexoOptions()), HttpReader()
        self.stirred = asyncio.Event()
        self.session = Session(
            device="terminal",
            till_name=TILL,
            till=box.till,
            outbox=box.shop.outbox,
            tally=Tally(box.shop.clock),
            answer=lambda told: self.decoder.answer(told, box.shop.clock.mono_ms()),
            terminals=box.terminals,
            stir=self.stirred.set,
        )

    async def feed(self, chunk: bytes) -> list[Response]:
        now_ms = self.box.shop.clock.mono_ms()
        heard = self.decoder.feed(chunk, now_ms)
        said: list[Response] = []
        async with asyncio.timeout(5):
            while True:
                self.stirred.clear()
                await self.session.hear(heard)
                said += [
                    piece
                    for piece in self._reader.feed(self.decoder.replies())
                    if isinstance(piece, Response)
                ]
                questions = [each for each in heard if not isinstance(each.what, Note)]
                heard = self.decoder.wake(now_ms)
                if not heard and not questions:
                    return said
                if not heard and self.session._waiting:
                    await self.stirred.wait()
                    heard = self.decoder.wake(now_ms)

    async def ask(self, category: str, body: Any, service: str, *, arrived: bool | None = True) -> Any:
        """The answer's body; `arrived` None: the power fails before anybody knows."""
        self.number += 1
        header = Header(category, sale_id="TILL-1", service_id=service, poi_id="EDGE-1")
        document = write_message(header, "Request", body)
        (said,) = await self.feed(write_request(self.number, "POST", "/nexo/", (), document))
        if arrived is not None:
            await self.feed(write_fate(self.number, arrived=arrived))
        return json.loads(said.body)["SaleToPOIResponse"][f"{category}Response"]


def payment(amount: float) -> Any:
    return {"PaymentTransaction": {"AmountsReq": {"Currency": "CNY", "RequestedAmount": amount}}}


def load(amount: float) -> Any:
    item = {"StoredValueTransactionType": "Load", "Currency": "CNY", "ItemAmount": amount}
    return {"StoredValueData": [item]}


def about(service: str, category: str = "Payment") -> Any:
    return {"MessageReference": {"MessageCategory": category, "ServiceID": service}}


async def test_after_a_restart_the_journal_says_what_became_of_each_request(
    tmp_path: Path, clock: Any, running: Any
) -> None:
    anchor, office = MemoryAnchor(), Office()
    async with open_box(tmp_path / "e.db", clock, running, anchor=anchor, office=office) as box:
        await box.purse(50_000)
        await box.grant(10_000)
        await box.show_card()
        talk = Talk(box)
        paid = await talk.ask("Payment", payment(25), "S1")
        await box.show_card()
        await talk.ask("StoredValue", load(30), "S2")
        await box.show_card()
        await talk.ask("Payment", payment(12), "S3", arrived=None)  # the power fails: no session ends
    async with open_box(
        tmp_path / "e.db", clock, running, anchor=anchor, office=office, boot="0000cafe"
    ) as box:
        await box.becomes("held", 0)
        talk = Talk(box)

        async def status(service: str, category: str = "Payment") -> Any:
            said = await talk.ask("TransactionStatus", about(service, category), f"Q{talk.number}")
            assert said["Response"]["Result"] == "Success"
            return said["RepeatedMessageResponse"]["RepeatedResponseMessageBody"][f"{category}Response"]

        first = await status("S1")
        assert first["PaymentResult"]["AmountsResp"]["AuthorizedAmount"] == 25
        assert first["POIData"]["POITransactionID"]["TransactionID"] == "S1@TILL-1#1"
        loaded = await status("S2", "StoredValue")
        assert loaded["StoredValueResult"][0]["StoredValueTransactionType"] == "Load"
        assert (await status("S3"))["Response"]["ErrorCondition"] == "Aborted"
        last = await talk.ask("TransactionStatus", {}, "Q9")  # of whatever was the last
        assert last["MessageReference"]["ServiceID"] == "S3"
        again = await talk.ask("Payment", payment(25), "S1")
        assert again["PaymentResult"] == paid["PaymentResult"]
        assert (await box.day()).paid_minor == 2_500


async def test_a_service_id_that_comes_round_after_48_hours_is_another_payment(
    tmp_path: Path, clock: Any, running: Any
) -> None:
    async with open_box(tmp_path / "e.db", clock, running) as box:
        await box.grant(10_000)
        await box.show_card()
        talk = Talk(box)
        first = await talk.ask("Payment", payment(5), "S1")
        clock.wind(REPEAT_MS)
        await box.show_card()
        again = await talk.ask("Payment", payment(5), "S1")
        assert again["POIData"]["POITransactionID"]["TransactionID"] == "S1@TILL-1#1"
        clock.wind(1)
        await box.show_card()
        other = await talk.ask("Payment", payment(5), "S1")
        assert other["POIData"] != first["POIData"]
