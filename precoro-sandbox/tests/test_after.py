"""What happens to the company between two requests, as a test likes."""

from __future__ import annotations

import pytest
import requests
from precoro_sandbox import Fault, SandboxClock


def test_what_happens_after_a_request_is_seen_by_the_next_and_not_by_itself(serve, ask):
    sandbox = serve()
    sandbox.app.after = lambda _: sandbox.store.add("suppliers", {"name": "New"})
    totals = [
        ask(sandbox, "GET", "/suppliers").json()["meta"]["pagination"]["total"] for _ in range(3)
    ]
    assert totals == [0, 1, 2]


def test_the_date_of_an_answer_is_that_of_its_rows(serve, ask):
    sandbox = serve(clock=SandboxClock(speed=0, start=1_800_000_000.0))
    sandbox.app.after = lambda _: sandbox.clock.advance(5)
    dates = [ask(sandbox, "GET", "/suppliers").headers["Date"] for _ in range(2)]
    assert dates == ["Fri, 15 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 2027 08:00:05 GMT"]


def test_it_is_told_each_request_of_the_api_and_none_of_the_sandboxs_own(serve, ask):
    sandbox, told = serve(), []
    sandbox.app.after = told.append
    ask(sandbox, "GET", "/suppliers?page=2")
    ask(sandbox, "GET", "/_sandbox/requests")
    ask(sandbox, "GET", "/nowhere")
    assert [(each.path, each.query, each.status) for each in told] == [
        ("/suppliers", "page=2", 200),
        ("/nowhere", "", 404),
    ]
    assert told == sandbox.served


@pytest.mark.parametrize("kind", ["lost", "reset", "shortened"])
def test_it_is_told_a_request_whose_answer_is_lost(serve, ask, kind):
    sandbox, told = serve(), []
    sandbox.app.after = told.append
    sandbox.faults.add(Fault(kind))
    with pytest.raises(requests.RequestException):
        ask(sandbox, "GET", "/suppliers").json()
    assert told == sandbox.served
    assert len(told) == 1
