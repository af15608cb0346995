"""A local Precoro: an honest fake of the API, to try, test and demonstrate against."""

from precoro_sandbox.account import Account
from precoro_sandbox.clock import SandboxClock
from precoro_sandbox.faults import Fault
from precoro_sandbox.server import Sandbox
from precoro_sandbox.switches import Switches

__all__ = ["Account", "Fault", "Sandbox", "SandboxClock", "Switches"]
