"""What a person may hand in: our own events, alone or in a list. The topic says which."""

from trueup.connectors.manual import (
    cost,
    count,
    dock,
    inspection,
    kit,
    mapping,
    reservation,
    rule,
    serial,
)
from trueup.contract.envelope import Forms

FORMS = Forms(
    nouns={
        "movement": (mapping.TOPIC,),
        "reservation": (reservation.TOPIC,),
        "arrival": (dock.ARRIVAL_TOPIC,),
        "transfer": (dock.TRANSFER_TOPIC,),
        "purchase": (dock.PURCHASE_TOPIC,),
        "inspection": (inspection.TOPIC,),
        "pack": (serial.PACK_TOPIC,),
        "serial rule": (serial.RULE_TOPIC,),
        "kit": (kit.TOPIC,),
        "rule": (rule.TOPIC,),
        "count sheet": (count.SHEET_TOPIC,),
        "count entry": (count.ENTRY_TOPIC,),
        "count line": (count.LINE_TOPIC,),
        "cost": (cost.TOPIC,),
    },
    topics=frozenset(
        (
            *(mapping.TOPIC, reservation.TOPIC, kit.TOPIC, rule.TOPIC),
            *(dock.ARRIVAL_TOPIC, dock.TRANSFER_TOPIC, dock.PURCHASE_TOPIC, inspection.TOPIC),
            *(serial.PACK_TOPIC, serial.RULE_TOPIC, cost.TOPIC),
            *(count.SHEET_TOPIC, count.ENTRY_TOPIC, count.LINE_TOPIC),
        )
    ),
)
