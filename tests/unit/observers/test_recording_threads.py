"""A recording may be read while a network adds to it."""

import numpy as np

from loom_py.layers import Dense
from loom_py.model import Network
from loom_py.observers.recording import RecordingObserver


def test_reading_goes_on_while_records_come() -> None:
    net, observer = Network.of(2, [Dense(2, 2)], seed=0), RecordingObserver(capacity=4)
    net.set_observer(observer)
    for _ in range(3):
        net.forward(np.zeros((1, 2)))
    read = iter(observer._stats)
    first = next(read)
    net.forward(np.zeros((1, 2)))
    assert [number for number, _ in (first, *read)] == [1, 2, 3]
