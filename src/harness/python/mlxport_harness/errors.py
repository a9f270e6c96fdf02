"""A known failure: whose fault it is, what was attempted, and what to do next."""

from __future__ import annotations

KINDS = ("user", "environment", "port", "reference", "bug")


class Failure(Exception):
    """Ends a run as `failed`, or a check as `error`, without a traceback."""

    def __init__(self, kind: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.kind, self.text, self.hint = kind, text, hint

    def record(self) -> dict[str, str]:
        return {"kind": self.kind, "text": self.text, "hint": self.hint}


class Cancelled(Exception):
    """The person, or the end of the input, stopped the run."""


class PortFault(Exception):
    """The port raised, hung, crashed or ran out of memory: a failed check, not a failed run.

    `unanswered`: time, memory or the process was gone before there was an answer, right or wrong.
    """

    def __init__(self, text: str, where: str | None = None, hint: str = "", loading: bool = False) -> None:
        super().__init__(text)
        self.text, self.where, self.hint, self.loading = text, where, hint, loading
        self.unanswered = False

    def record(self) -> dict[str, str]:
        text = f"{self.text} at {self.where}" if self.where else self.text
        return {"kind": "port", "text": text, "hint": self.hint}
