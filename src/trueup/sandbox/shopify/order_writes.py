"""What an app changes at an order: its tags, and whether it is cancelled, which a job does."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

from trueup.sandbox.shopify import refunds
from trueup.sandbox.shopify.bodies_orders import order_body
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.scopes import allow
from trueup.sandbox.shopify.shop import Job, Shop, gid
from trueup.sandbox.shopify.view import Ask, Pick, number_of

__all__ = ["add_tags", "cancel", "find_job", "remove_tags", "work_off"]

_SCOPE: Final = "write_orders"
_NOTE_CHARS_MAX: Final = 255
_TAG_CHARS_MAX: Final = 40


def add_tags(ask: Ask, order_id: str, tags: list[str]) -> Pick:
    """Add tags; one that stands already, in whatever case, stays once."""
    allow(ask, "tagsAdd", _SCOPE)
    order = _find(ask.shop, order_id)
    if order is None:
        return _untagged("TagsAddPayload", "Order does not exist")
    if any(len(tag) > _TAG_CHARS_MAX for tag in tags):
        return _untagged("TagsAddPayload", f"Tags is too long (maximum is {_TAG_CHARS_MAX})")
    known = {tag.lower() for tag in order.tags}
    fresh = dict.fromkeys(tag.strip() for tag in tags if tag.strip().lower() not in known)
    _retag(ask.shop, order, (*order.tags, *fresh))
    return Pick("TagsAddPayload", node=None, user_errors=[])


def remove_tags(ask: Ask, order_id: str, tags: list[str]) -> Pick:
    """Remove tags; one that does not stand there is passed over."""
    allow(ask, "tagsRemove", _SCOPE)
    order = _find(ask.shop, order_id)
    if order is None:
        return _untagged("TagsRemovePayload", "Order does not exist")
    gone = {tag.strip().lower() for tag in tags}
    _retag(ask.shop, order, tuple(tag for tag in order.tags if tag.lower() not in gone))
    return Pick("TagsRemovePayload", node=None, user_errors=[])


def cancel(ask: Ask, given: dict[str, Any]) -> Pick:
    """Take a cancellation in; a job carries it out a while later."""
    allow(ask, "orderCancel", _SCOPE)
    shop, order = ask.shop, _find(ask.shop, given["orderId"])
    if order is None:
        return _kept("NOT_FOUND", "There is no such order.")
    if order.cancelled_at is not None:
        return _kept("INVALID", "It is cancelled already.")
    if any(line.fulfilled for line in order.lines):
        return _kept("INVALID", "Cannot cancel an order that has fulfilled items.")
    if any(each.status in {"open", "requested"} for each in order.returns):
        return _kept("INVALID", "Cannot cancel an order with active returns.")
    if len(given.get("staffNote") or "") > _NOTE_CHARS_MAX:
        return _kept("INVALID", "Staff note is too long.")
    method = given.get("refundMethod") or {}
    give_back = bool(given.get("refund") or method.get("originalPaymentMethodsRefund"))
    due_at = shop.now() + timedelta(seconds=shop.settings.cancel_delay_s)
    work = partial(_carry_out, shop, order, given, give_back=give_back)
    job = Job(shop.new_id(), order.id, due_at, work)
    shop.jobs[job.id] = job
    work_off(shop)
    return Pick("OrderCancelPayload", job=_shown(job), order_cancel_user_errors=[])


def work_off(shop: Shop) -> None:
    """Do the jobs that are due."""
    for job in shop.jobs.values():
        if not job.done and job.due_at <= shop.now():
            job.done = True
            job.work()


def find_job(ask: Ask, number: int) -> Pick | None:
    """Return a job by its number."""
    job = ask.shop.jobs.get(number)
    return None if job is None else _shown(job)


def _carry_out(shop: Shop, order: Order, given: dict[str, Any], *, give_back: bool) -> None:
    if shop.jobs_fail or order.cancelled_at is not None:
        return
    shop.begin()
    order.cancel_note = given.get("staffNote")
    refunds.cancel(
        shop, order, reason=given["reason"].lower(), restock=given["restock"],
        give_back=give_back,
    )  # fmt: skip


def _find(shop: Shop, order_id: str) -> Order | None:
    return shop.orders.get(number_of(order_id, "Order") or 0)


def _retag(shop: Shop, order: Order, tags: tuple[str, ...]) -> None:
    if tags == order.tags:
        return
    shop.begin()
    order.tags, order.updated_at = tags, shop.now()
    shop.emit("orders/updated", partial(order_body, shop, order))


def _untagged(name: str, message: str) -> Pick:
    error = Pick("UserError", field=["id"], message=message)
    return Pick(name, node=None, user_errors=[error])


def _kept(code: str, message: str) -> Pick:
    error = Pick("OrderCancelUserError", field=["orderId"], code=code, message=message)
    return Pick("OrderCancelPayload", job=None, order_cancel_user_errors=[error])


def _shown(job: Job) -> Pick:
    return Pick("Job", id=gid("Job", job.id), done=job.done)
