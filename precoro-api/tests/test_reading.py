"""Lists whose rows come, change and go between two requests: none that stood still is missed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME, UnexpectedAnswer
from precoro_api.paging import page_of
from precoro_api.quota import Limits, Quota
from precoro_api.reading import Reading
from precoro_sandbox import SandboxClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPPLIERS, TERMS, PAYMENTS = (BY_NAME[name] for name in ("suppliers", "payment_terms", "payments"))
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
SIZE = 10
START = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
UNLIMITED = Limits(None, None, None, None, None)
OFF = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
ORDERS = ("id_desc", "id_asc", "updated")
DIALECTS = ("all", "legacy", "new")


# Over real HTTP


@dataclass
class Company:
    """A sandbox whose clock stands, with rows of one resource, and what happens to them."""

    sandbox: Any
    client: Any
    resource: Any

    def make(self, many: int, **values: Any) -> list[int]:
        """Make rows a minute apart, and let an hour pass; their ids."""
        made = []
        for _ in range(many):
            made.append(self.sandbox.store.add(self.resource.name, values)["id"])
            self.sandbox.clock.advance(60)
        self.sandbox.clock.advance(3600)
        return made

    def remove(self, row_id: int) -> None:
        self.sandbox.store.remove(self.resource.name, row_id)

    def change(self, row_id: int, **values: Any) -> None:
        row = self.sandbox.store.rows(self.resource.name)[row_id]
        self.sandbox.store.change(self.resource.name, row, values)

    def meanwhile(self, happens: dict[int, Callable[[], object]]) -> None:
        """After the n-th request, counted from now on, something happens."""
        before = len(self.sandbox.served)

        def after(_: object) -> None:
            happens.get(len(self.sandbox.app.served) - before, lambda: None)()

        self.sandbox.app.after = after

    def reading(self, **options: Any) -> Reading:
        return Reading(self.client, self.resource, **options)


@pytest.fixture
def company(serve, client_of, time):
    """Companies whose clock moves only as their people do things, and never while a client asks."""

    def open_(resource: Any = SUPPLIERS, **switches: Any) -> Company:
        sandbox = serve(switches={**OFF, **switches}, clock=SandboxClock(0, START))
        client = client_of(sandbox, page_size=SIZE, quota=Quota(time, limits=UNLIMITED))
        return Company(sandbox, client, resource)

    return open_


def ids(rows):
    return {row["id"] for row in rows}


@pytest.mark.parametrize(
    ("dialect", "many", "requests"),
    [("all", 9, 1), ("new", 9, 1), ("all", 35, 4), ("legacy", 35, 4), ("new", 35, 8)],
)
def test_a_list_that_stands_still_is_proven_at_once_where_its_total_is_told(
    company, dialect, many, requests
):
    shop = company(pagination=dialect)
    made = shop.make(many)
    reading = shop.reading()
    rows = list(reading.rows())
    assert [row["id"] for row in rows] == made[::-1]
    assert len(shop.sandbox.served) == requests
    assert reading.whole


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("resource", [SUPPLIERS, TERMS, PAYMENTS], ids=lambda each: each.name)
def test_a_row_that_is_taken_away_from_a_page_before_hides_none(company, resource, dialect, order):
    shop = company(resource, pagination=dialect, list_order=order)
    made = shop.make(25)
    first = made[-1] if order == "id_desc" else made[0]
    shop.meanwhile({1: lambda: shop.remove(first)})
    assert ids(shop.reading().rows()) == set(made)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("when", range(1, 9))
def test_rows_without_dates_are_proven_though_one_is_taken_away(company, dialect, when):
    shop = company(TERMS, pagination=dialect)
    made = shop.make(25)
    shop.meanwhile({when: lambda: shop.remove(made[12])})
    reading = shop.reading()
    assert set(made) - {made[12]} <= ids(reading.rows())
    assert reading.whole


@pytest.mark.parametrize("dialect", DIALECTS)
def test_payments_of_the_last_days_are_proven_by_when_they_were_made(company, dialect):
    shop = company(PAYMENTS, pagination=dialect)
    made = shop.make(25)
    window = [(PAYMENTS.window.name, "01.01.2027")]
    reading = shop.reading(filters=window)
    assert ids(reading.rows()) == set(made)
    assert reading.readings == (2 if dialect == "new" else 1)


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("resource", [SUPPLIERS, TERMS, PAYMENTS], ids=lambda each: each.name)
def test_a_page_of_rows_that_comes_between_two_requests_repeats_a_page_and_hides_none(
    company, resource, dialect, after
):
    shop = company(resource, pagination=dialect)
    made = shop.make(45)
    shop.meanwhile({after: lambda: shop.make(SIZE)})
    reading = shop.reading()
    handed = [row["id"] for row in reading.rows()]
    first = handed[: SIZE * (after + 1)]
    assert first[-SIZE:] == first[-2 * SIZE : -SIZE]  # the page that came twice
    assert set(made) <= set(handed)
    assert reading.whole


def test_a_list_that_grew_by_a_page_is_read_from_its_new_end(company):
    # A row slips by in the first reading, and is then pushed to a page behind the last one.
    shop = company(pagination="new")
    made = shop.make(20)
    shop.meanwhile({1: lambda: shop.remove(made[-1]), 2: lambda: shop.make(30)})
    assert set(made) <= ids(shop.reading().rows())


def test_a_row_that_came_and_went_between_two_pages_hides_none(company):
    # The 21st row slips by in the first reading, as the 20th; in the second, a row that no page
    # shows pushes it to a page that was read already, and then lets it back.
    shop = company(pagination="new")
    made = shop.make(40)
    flash: list[int] = []
    shop.meanwhile(
        {
            2: lambda: shop.remove(made[-1]),
            6: lambda: flash.extend(shop.make(1)),
            7: lambda: shop.remove(flash[0]),
        }
    )
    assert set(made) <= ids(shop.reading().rows())


def test_a_list_that_lost_its_last_page_is_proven_by_the_page_before(company):
    shop = company(pagination="new")
    made = shop.make(21)
    shop.meanwhile({3: lambda: shop.remove(made[0])})
    assert ids(shop.reading().rows()) == set(made)
    assert len(shop.sandbox.served) == 3 + 3


@pytest.mark.parametrize("resource", [SUPPLIERS, PAYMENTS], ids=lambda each: each.name)
def test_a_row_made_in_the_second_of_the_first_answer_stands_in_for_none(company, resource):
    shop = company(resource, list_order="id_asc")
    made = shop.make(25)
    shop.meanwhile({1: lambda: (shop.remove(made[0]), shop.make(1))})
    assert set(made) <= ids(shop.reading().rows())


def test_a_row_that_left_a_filter_and_came_back_stands_in_for_none():
    # In both readings the same row slips by; in the second one, another one comes back meanwhile.
    shelf = Shelf("id_asc", totals=True, dates=("updateDate",), deeds=[])
    for _ in range(25):
        shelf.add()
        shelf.now += timedelta(seconds=60)
    first, second, third, slips, comes_back = (shelf.rows[n] for n in (0, 1, 2, 11, 20))
    third["on"] = 0
    shelf.deeds += [
        Deed(1, "remove", shelf.rows.index(first), 1.0),
        Deed(3, "switch", 1, 1.0),  # the third, which pushes the one that slips back
        Deed(3, "switch", 19, 1.0),
        Deed(4, "remove", 0, 1.0),
        Deed(4, "switch", 18, 1.0),
    ]
    reading = Reading(shelf, SUPPLIERS, filters=[("on", "1")])
    handed = ids(reading.rows())
    assert second not in shelf.rows
    assert comes_back["on"] == third["on"] == 1
    assert slips["id"] in handed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_that_never_stop_changing_prevent_no_proof(company, dialect):
    shop = company(pagination=dialect)
    since = shop.sandbox.clock.moment() - timedelta(days=1)
    made = shop.make(25)
    shop.meanwhile(dict.fromkeys(range(1, 99), lambda: shop.change(made[3])))
    reading = shop.reading(since=since)
    assert set(made) <= ids(reading.rows())
    assert reading.readings <= 3


def test_rows_whose_date_lies_ahead_prevent_no_proof(company):
    shop = company()
    made = shop.make(25)
    ahead = (shop.sandbox.clock.moment() + timedelta(days=9)).isoformat()
    for row in shop.sandbox.store.rows("suppliers").values():
        row |= {"createDate": ahead, "updateDate": ahead}
    reading = shop.reading(filters=[("status[]", "None")])
    assert ids(reading.rows()) == set(made)


def test_later_readings_hand_out_only_what_is_new_or_changed(company):
    shop = company()
    made = shop.make(25)
    shop.sandbox.clock.advance(10)

    def happens():
        shop.remove(made[-1])
        shop.change(made[2], name="changed")

    shop.meanwhile({1: happens})
    handed = [row["id"] for row in shop.reading().rows()]
    # 10 rows of the first page; all but the 11th of the others; then the 11th, and what changed.
    assert sorted(handed) == sorted([*made, made[2]])


def test_what_changed_between_two_readings_is_handed_out_again(company):
    shop = company()
    made = shop.make(25)

    def happens():
        shop.sandbox.clock.advance(2)
        shop.change(made[5], name="changed")
        shop.sandbox.clock.advance(2)

    shop.meanwhile({1: lambda: shop.remove(made[-1]), 3: happens})
    names = [row["name"] for row in shop.reading().rows() if row["id"] == made[5]]
    assert names[-1] == "changed"


def test_it_was_asked_for_when_its_first_page_was_answered(company):
    shop = company()
    made = shop.make(25)
    begin = shop.sandbox.clock.moment()
    shop.meanwhile({1: lambda: (shop.remove(made[0]), shop.sandbox.clock.advance(50))})
    reading = shop.reading()
    list(reading.rows())
    assert begin - timedelta(seconds=1) < reading.asked_at <= begin


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_list_that_moves_under_every_reading_fails_aloud(company, dialect):
    shop = company(pagination=dialect)
    made = shop.make(200)
    gone = reversed(made)
    shop.meanwhile(dict.fromkeys(range(1, 9999), lambda: shop.remove(next(gone))))
    reading = shop.reading()
    with pytest.raises(UnexpectedAnswer, match="suppliers: its rows moved under each of 12"):
        list(reading.rows())
    assert not reading.whole


# Lists that cannot be counted


def odd_shelf(many=25, **odd):
    """A list of rows a minute apart, the last an hour ago."""
    shelf = Shelf("id_asc", totals=odd.pop("totals", True), dates=("updateDate",), deeds=[], **odd)
    for _ in range(many):
        shelf.add()
        shelf.now += timedelta(seconds=60)
    shelf.now += timedelta(hours=1)
    return shelf


@pytest.mark.parametrize(
    ("odd", "readings", "told"),
    [
        ({"more": 1}, 2, "its total does not match its rows (26 and 25)"),
        ({"more": -1}, 2, "its total does not match its rows (24 and 25)"),
        ({"twice": 0}, 2, "id 1000 is listed twice"),
        ({"twice": 0, "totals": False}, 2, "id 1000 is listed twice"),
        ({"twice": 0, "more": 1}, 2, "id 1000 is listed twice"),
        ({"twice": 3, "beside": True}, 2, "id 10000 is listed twice"),
        ({"twice": 9, "beside": True}, 3, "id 55000 is listed twice"),
    ],
    ids=str,
)
def test_a_quiet_list_that_cannot_be_counted_is_whole_aloud(odd, readings, told, caplog):
    shelf = odd_shelf(**odd)
    if isinstance(shelf.twice, int):
        shelf.twice = shelf.rows[shelf.twice]["id"]
    reading = Reading(shelf, SUPPLIERS)
    assert ids(reading.rows()) == ids(shelf.rows)
    assert reading.whole
    assert reading.readings == readings
    (warning,) = (each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    assert warning == (
        f"suppliers: {told}; {readings} readings showed the same, so it is taken as whole."
    )


def test_a_total_that_is_too_small_may_hide_rows_behind_a_full_page():
    reading = Reading(odd_shelf(20, more=-1), SUPPLIERS)
    with pytest.raises(UnexpectedAnswer, match="12 readings"):
        list(reading.rows())
    assert not reading.whole


def test_a_list_that_cannot_be_counted_and_changes_is_read_on_until_it_is_quiet():
    shelf = odd_shelf(more=1, tick=2.0)
    first = shelf.rows[0]
    shelf.deeds = [Deed(1, "remove", 0, 1.0), Deed(5, "change", 3, 1.0), Deed(8, "change", 3, 1.0)]
    reading = Reading(shelf, SUPPLIERS)
    handed = {row["id"]: row["version"] for row in reading.rows()}
    assert handed == {row["id"]: row["version"] for row in shelf.rows} | {first["id"]: 1}
    assert reading.readings > 3


def test_a_list_with_a_row_of_the_second_in_which_it_was_asked_for_is_not_quiet_yet():
    shelf = odd_shelf(24, more=1, tick=0.5)
    shelf.add()
    reading = Reading(shelf, SUPPLIERS)
    assert ids(reading.rows()) == ids(shelf.rows)
    assert reading.readings == 3  # the second one begins later, and the third shows the same


def test_a_row_that_comes_and_goes_in_each_of_two_readings_makes_no_quiet_list():
    # Each time the new row pushes the others back by one, and the twentieth slips by.
    shelf = odd_shelf(40, tick=1.0)
    shelf.order = "id_desc"
    made = ids(shelf.rows)
    for look in (0, 4):
        shelf.deeds += [Deed(look + 1, "add", 0, 1.0), Deed(look + 2, "remove", -1, 1.0)]
    assert made <= ids(Reading(shelf, SUPPLIERS).rows())


def test_a_server_with_pages_of_its_own_size_is_read_whole(odd_server, client_of):
    rows = [{"id": number, "updateDate": "2025-01-01T00:00:00+00:00"} for number in range(50)]

    def answer(asked):
        page = int(asked.target.partition("page=")[2].partition("&")[0])
        shown = rows[(page - 1) * 20 : page * 20]
        body = {"data": shown, "meta": {"pagination": {"has_next_page": page * 20 < len(rows)}}}
        return 200, {"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}, json.dumps(body).encode()

    reading = Reading(client_of(odd_server([answer]).url, page_size=SIZE), SUPPLIERS)
    assert ids(reading.rows()) == set(range(50))
    assert reading.readings == 2


# As a property


@dataclass(frozen=True)
class Deed:
    """Something that happens after the n-th request, `wait` seconds after what was before."""

    after: int
    kind: str
    pick: int
    wait: float


@dataclass
class Shelf:
    """A list that people change between two requests, read the way a client reads lists.

    Its total counts `more` rows than there are; `twice` names a row that is listed a second time,
    `beside` itself or at the end. Each request takes `tick` seconds.
    """

    order: str
    totals: bool
    dates: tuple[str, ...]
    deeds: list[Deed]
    rows: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = datetime(2027, 1, 15, 8, tzinfo=timezone.utc)
    more: int = 0
    twice: int | None = None
    beside: bool = False
    tick: float = 0.0
    requests: int = 0
    looks: int = 0
    events: int = 0

    def add(self) -> None:
        self.events += 1
        stamp = self.now.replace(microsecond=0).isoformat()
        number = max([each["id"] for each in self.rows] or [0]) + 1000 * self.events
        self.rows.append(
            {
                "id": number,
                "version": self.events,
                "createDate": stamp,
                "updateDate": stamp,
                "on": 1,
            }
        )

    def happens(self, deed: Deed) -> None:
        self.now += timedelta(seconds=deed.wait)
        self.events += 1
        if deed.kind == "add":
            self.add()
        if not -len(self.rows) <= deed.pick < len(self.rows) or deed.kind == "add":
            return
        row = self.rows[deed.pick]
        if deed.kind == "remove":
            self.rows.remove(row)
            return
        row |= {
            "version": self.events,
            "updateDate": self.now.replace(microsecond=0).isoformat(),
            "on": row["on"] ^ (deed.kind == "switch"),
        }

    def pages(self, resource, *, filters=(), since=None, path=None, back_from=None) -> Iterator:
        self.looks += 1
        self.last_look = self.events
        if back_from is not None:
            yield from (self.page(number, filters, since) for number in range(back_from, 0, -1))
            return
        page = self.page(1, filters, since)
        yield page
        while page.has_next:
            page = self.page(page.number + 1, filters, since)
            yield page

    def page(self, number: int, filters: Any, since: datetime | None) -> Any:
        listed = [
            row
            for row in self.rows
            if (not filters or row["on"])
            and (since is None or row["updateDate"] >= since.isoformat())
        ]
        key = {"id_asc": lambda r: r["id"], "id_desc": lambda r: -r["id"]}.get(
            self.order, lambda r: (r["updateDate"], r["id"])
        )
        listed.sort(key=key)
        if self.twice is not None:
            again = [place for place, row in enumerate(listed) if row["id"] == self.twice]
            for place in again:
                listed.insert(place if self.beside else len(listed), listed[place])
        shown = [
            {name: row[name] for name in ("id", "version", *self.dates)}
            for row in listed[(number - 1) * SIZE : number * SIZE]
        ]
        told = {"total": len(listed) + self.more} if self.totals else {}
        pagination = {"has_next_page": number * SIZE < len(listed), **told}
        page = page_of({"data": shown, "meta": {"pagination": pagination}}, number, self.now)
        self.requests += 1
        self.now += timedelta(seconds=self.tick)
        for deed in self.deeds:
            if deed.after == self.requests:
                self.happens(deed)
        return page


deeds = st.builds(
    Deed,
    after=st.integers(1, 12),
    kind=st.sampled_from(("remove", "change", "add", "switch")),
    pick=st.integers(-3, 30),
    wait=st.sampled_from((0.0, 0.4, 1.0, 90.0)),
)


@settings(max_examples=40000 if LONG else 1000, deadline=None)
@given(
    order=st.sampled_from(ORDERS),
    totals=st.booleans(),
    dates=st.sampled_from(
        ((), ("createDate",), ("updateDate",), ("createDate", "updateDate")),
    ),
    many=st.integers(0, 34),
    spread=st.sampled_from((0, 1, 60)),
    narrowed=st.sampled_from(("no", "since", "filter")),
    odd=st.sampled_from(("no", "no", "total", "beside", "twice", "both")),
    deeds=st.lists(deeds, max_size=7),
)
def test_none_that_stood_still_is_missed(order, totals, dates, many, spread, narrowed, odd, deeds):
    if narrowed != "no" and "updateDate" not in dates:
        dates = (*dates, "updateDate")
    shelf = Shelf(order, totals, dates, deeds)
    since = shelf.now + timedelta(seconds=spread * many / 2) if narrowed == "since" else None
    for number in range(many):
        shelf.add()
        if narrowed == "filter" and number % 3 == 0:
            shelf.rows[-1]["on"] = 0
        shelf.now += timedelta(seconds=spread)
    if odd != "no":
        shelf.more = odd in ("total", "both")
        shelf.twice = None if odd == "total" or not many else shelf.rows[many // 2]["id"]
        shelf.beside, shelf.tick = odd == "beside", 2.0
    before = {row["id"]: row["version"] for row in shelf.rows}
    filters = [("on", "1")] if narrowed == "filter" else []
    reading = Reading(shelf, SUPPLIERS, since=since, filters=filters)
    handed = {row["id"]: row["version"] for row in reading.rows()}
    assert reading.whole
    for row in shelf.rows:
        if since and row["updateDate"] < since.isoformat():
            continue
        if filters and not row["on"]:
            continue
        if row["version"] == before.get(row["id"]) or (
            row["version"] <= shelf.last_look and "updateDate" in dates
        ):
            assert handed.get(row["id"]) == row["version"]
