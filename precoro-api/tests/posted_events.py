"""What tests post to the receiver of webhooks, with which secret, and how long they wait."""

from __future__ import annotations

SECRET = "a-secret-of-tests-0123"
BODY = {"id": 123456, "type": 2, "action": 0, "idn": 5}
SOON = 20
