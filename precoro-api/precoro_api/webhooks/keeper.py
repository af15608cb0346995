"""Puts events on the disk, many at once: whoever brings one waits for the commit that holds it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from precoro_api.errors import SettingsError
from precoro_api.webhooks.spool import SpoolFull

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from precoro_api.webhooks.event import Event
    from precoro_api.webhooks.spool import Spool

__all__ = ["Keeper", "NotKept"]

logger = logging.getLogger(__name__)

_GATHERED = 0.003
"""Seconds in which events come together for one commit; during a commit the next ones do."""
_COUNTED_EVERY = 1.0


class NotKept(Exception):
    """The event is not on the disk: the spool is full, or cannot be used."""


class Keeper:
    """The one writer of a receiver, as a context of its event loop; it closes the spool.

    `refused` counts, by reason, what never became an event; it goes to the spool each second.
    """

    def __init__(self, spool: Spool) -> None:
        self.refused: Counter[str] = Counter()
        self._spool = spool
        self._waiting: list[tuple[Event, asyncio.Future[bool]]] = []
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble = ""

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._tasks = [asyncio.create_task(each()) for each in (self._commit_all, self._count)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what waits."""
        self._ending.set()
        self._woken.set()
        await asyncio.gather(*self._tasks)
        self._spool.close()

    async def keep(self, event: Event) -> None:
        """Return when the event is on the disk. Raises NotKept."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, kept))
        self._woken.set()
        if not await kept:
            raise NotKept

    async def _commit_all(self) -> None:
        while self._waiting or not self._ending.is_set():
            await self._woken.wait()
            await asyncio.sleep(_GATHERED)
            self._woken.clear()
            batch, self._waiting = self._waiting, []
            if batch:
                refused = await self._commit([event for event, _ in batch])
                for place, (_, kept) in enumerate(batch):
                    if not kept.done():
                        kept.set_result(place not in refused)

    async def _commit(self, events: Sequence[Event]) -> Collection[int]:
        """The places of the events that are not kept."""
        try:
            await asyncio.to_thread(self._spool.add, events)
        except SpoolFull as full:
            self._tell("The spool is full of records that have one event each: read it.")
            return frozenset(full.refused)
        except SettingsError as problem:
            self._tell(str(problem))
        except Exception:  # whoever waits has to hear it, and the next batch has its turn
            logger.exception("events could not be kept")
        else:
            logger.debug("%d events kept", len(events))
            self._tell("")
            return ()
        return range(len(events))

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            if trouble:
                logger.error("%s Until then, events are answered 503.", trouble)
            else:
                logger.warning("The spool takes events again.")
            self._trouble = trouble

    async def _count(self) -> None:
        while not self._ending.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _COUNTED_EVERY)
            if self.refused:
                counts, self.refused = self.refused, Counter()
                reasons = ", ".join(f"{reason} ({many})" for reason, many in counts.items())
                logger.info("refused: %s", reasons)
                try:
                    await asyncio.to_thread(self._spool.note, counts)
                except SettingsError as problem:
                    self._tell(str(problem))
                    self.refused.update(counts)
