"""Licensing for applications: activation, offline use, background refresh, transfer and features of a Falconer license.

    from falconer_licensing import Licensing

    with Licensing("QF", "https://licenses.example.com", keys=KEYS_JSON, app_id="com.example.app") as licensing:
        licensing.start_refresher()
        if not licensing.unlocked:
            licensing.activate("QF-PRO-…", "Anna Example", "anna@example.com")
        if licensing.has_feature("copy_trading"):
            ...

Only a signed answer changes the license. During outages, and after portals, forgeries and replays, the stored lease
counts until its end.
"""

from ._errors import (
    Busy,
    Closed,
    FalconerError,
    Forked,
    InvalidAnswer,
    InvalidInput,
    InvalidSetting,
    NotAirGapped,
    NothingSent,
    Offline,
    Refused,
    StoreFailed,
    Waiting,
)
from ._form import ActivationForm, Field, FormView, NextAction, Phase
from ._licensing import Licensing
from ._native import VERSION as __version__
from ._types import AirGapText, Device, License, Message, Pending, SeatHolder, Snapshot, State
from .texts import Texts

__all__ = [
    "ActivationForm",
    "AirGapText",
    "Busy",
    "Closed",
    "Device",
    "FalconerError",
    "Field",
    "Forked",
    "FormView",
    "InvalidAnswer",
    "InvalidInput",
    "InvalidSetting",
    "License",
    "Licensing",
    "Message",
    "NextAction",
    "NotAirGapped",
    "NothingSent",
    "Offline",
    "Pending",
    "Phase",
    "Refused",
    "SeatHolder",
    "Snapshot",
    "State",
    "StoreFailed",
    "Texts",
    "Waiting",
    "__version__",
]
