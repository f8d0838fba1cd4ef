"""What Klaviyo says no to, and how."""

from typing import Any


class Refusal(Exception):
    """A call that is answered with an error."""

    def __init__(
        self, status: int, code: str, detail: str, *, pointer: str = "", parameter: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.code = status, code
        self.pointer, self.parameter = pointer, parameter

    def body(self, ref: str) -> dict[str, Any]:
        """Return the error as a body; `ref` is its id."""
        source = {"pointer": self.pointer} if self.pointer else {}
        source |= {"parameter": self.parameter} if self.parameter else {}
        told = {
            "id": ref,
            "status": self.status,
            "code": self.code,
            "title": self.code.replace("_", " ").capitalize(),
            "detail": str(self),
            "source": source,
        }
        return {"errors": [told]}
