"""Things that go wrong on the way, on demand."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Fault", "Faults"]

KINDS = {
    "500": "answer 500 before anything happens",
    "429": "answer 429 without saying why",
    "lost": "do what was asked, then close the connection without an answer",
    "failed": "do what was asked, then answer 500",
    "cut": "answer half of the body",
    "shortened": "announce the whole body, then close the connection after half of it",
    "html": "answer an HTML page with 200",
    "empty": "answer 200 with nothing",
    "reset": "close the connection before anything happens",
    "slow": "answer after `seconds`",
}


@dataclass
class Fault:
    """`times` requests that match go wrong in that way, after `skip` that match go well."""

    kind: str
    times: int = 1
    skip: int = 0
    method: str = ""
    path: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")


class Faults:
    """The faults that wait for their request, the first that matches goes first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen from now on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if one waits."""
        for fault in self._waiting:
            if fault.method not in ("", method) or not path.startswith(fault.path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._waiting.remove(fault)
            return fault
        return None
