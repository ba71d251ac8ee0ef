"""The worker. `dramatiq actors`, in the project's folder, is all of it.

Dramatiq's command imports this module and takes the global broker, so the wiring has to happen here. It opens
nothing: tables are brought up to date and files are opened when the worker boots.
"""

import sys

import dramatiq

from actors.container import build_container, declare_worker
from app.settings import BadSettings, Settings

__all__ = ["broker", "container"]

try:
    container = build_container(Settings.load())
except BadSettings as error:
    sys.exit(f"sayathing: {error}")

broker = declare_worker(container)
dramatiq.set_broker(broker)
