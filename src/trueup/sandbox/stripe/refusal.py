"""What the simulated Stripe will not do, in Stripe's words."""


class Refusal(Exception):
    """A refusal.

    Attributes:
        code: Stripe's finer word; None where it has only a sentence.
        saved: the refusal is remembered under the call's key: the work had begun.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        saved: bool = True,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param
        self.saved = saved

    def body(self) -> dict[str, object]:
        """Return the error as it is answered."""
        kind = "idempotency_error" if self.code == "idempotency_key_reused" else None
        error: dict[str, object] = {
            "message": self.message,
            "type": kind or "invalid_request_error",
        }
        error |= {"code": self.code} if self.code and kind is None else {}
        error |= {"param": self.param} if self.param else {}
        return {"error": error}
