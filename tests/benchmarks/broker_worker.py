"""What `python -m dramatiq tests.benchmarks.broker_worker:broker` imports in each worker process."""

import ctypes
import signal
import time

from tests.benchmarks.broker_programs import Arena, Recorder, declare

# Dramatiq's master dies with the benchmark; its worker processes shall die with the master.
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

arena = Arena.of_this_process()
recorder = Recorder(arena.records, "worker", arena.record_capacity)
broker = arena.broker()
declare(broker, arena.queue, recorder)

# All processes start to consume together, once each has loaded: the time that they take to boot is nobody's figure.
while not arena.gate.exists():
    time.sleep(0.002)
