"""Stripe's bodies under ../shared/data, each with the topic under which it comes to the hub."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "payloads" / "stripe"
SPECS = RECORDED.parents[1] / "specs" / "stripe" / "by-resource"

Row = dict[str, str]


def recorded() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, topic and body of each."""
    for path in sorted((RECORDED / "webhook-events").glob("*.json")):
        body = path.read_bytes()
        yield f"webhook-events/{path.name}", json.loads(body)["type"], body
    for path in sorted((RECORDED / "dj-stripe").glob("*.json")):
        body = path.read_bytes()
        told = json.loads(body)
        is_event = told.get("object") == "event"
        topic = told["type"] if is_event else f"fetch/{told.get('object', 'none')}"
        yield f"dj-stripe/{path.name}", topic, body
    for path in sorted((RECORDED / "cli-triggers").glob("*.json")):
        yield from _triggers(path)
    for noun, told in seeds():
        yield f"warehouse-seeds/{noun}/{told['id']}", f"pull/{noun}", json.dumps(told).encode()


def seeds() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of the warehouse as the objects that they were."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows("fee_data"):
        part = {"amount": int(row["amount"]), "currency": row["currency"], "type": row["type"]}
        parts.setdefault(row["balance_transaction_id"], []).append(part)
    for row in rows("balance_transaction_data"):
        yield "balance_transaction", entry_of(row, parts.get(row["id"]))
    for row in rows("charge_data"):
        told = _common(row) | {
            "status": row["status"],
            "captured": row["captured"] == "TRUE",
            "refunded": row["refunded"] == "TRUE",
            "livemode": row["livemode"] == "TRUE",
            "payment_intent": row["payment_intent_id"] or None,
            "failure_code": row["failure_code"] or None,
            "description": row["description"] or None,
            "metadata": _metadata(row),
        }
        yield "charge", told
    for row in rows("refund_data"):
        yield "refund", _common(row) | {"status": row["status"], "charge": row["charge_id"]}
    for row in rows("dispute_data"):
        yield "dispute", _common(row) | {"status": row["status"], "charge": row["charge_id"]}
    for row in rows("payout_data"):
        told = _common(row) | {
            "status": row["status"],
            "automatic": row["automatic"] == "TRUE",
            "arrival_date": _unix(row["arrival_date"]),
            "metadata": _metadata(row),
        }
        yield "payout", told


def rows(name: str) -> list[Row]:
    """Return the rows of a table of the warehouse."""
    with (RECORDED / "warehouse-seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def entry_of(row: Row, parts: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return a balance transaction out of its row."""
    told = _common(row) | {
        "fee": int(row["fee"] or 0),
        "net": int(row["net"]),
        "available_on": _unix(row["available_on"]),
        "type": row["type"],
        "source": row["source"] or None,
    }
    return told | ({"fee_details": parts} if parts is not None else {})


def _triggers(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield the parameters of each call of a script: they are no objects, and are left aside."""
    for index, step in enumerate(json.loads(path.read_bytes())["fixtures"]):
        noun = step["path"].strip("/").split("/")[1]
        body = json.dumps(step.get("params", {})).encode()
        yield f"cli-triggers/{path.name}#{index}", f"fetch/call_{noun}", body


def _common(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "amount": int(row["amount"]),
        "currency": row["currency"],
        "created": _unix(row["created"]),
    }


def _metadata(row: Row) -> dict[str, Any]:
    told = json.loads(row["metadata"] or "{}")
    return told if isinstance(told, dict) else {}


def _unix(text: str) -> int:
    plain = text.removesuffix(" UTC").partition(".")[0]
    return int(datetime.strptime(plain, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
