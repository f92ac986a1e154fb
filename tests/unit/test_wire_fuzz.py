"""Damaged messages: each call is answered once, by a result or an error in words, and the session goes on."""

import copy
import math
import random

import numpy as np
import pytest

from loom_py.session.package import open_session
from loom_py.session.serve import Server

CONFIG = {"input_shape": [2], "seed": 1, "layers": [{"type": "Dense", "inputs": 2, "outputs": 2}]}
X = [[0.0, 1.0], [1.0, 0.0]]
DEEP: list = []
for _ in range(200):
    DEEP = [DEEP]
JUNK = [
    None, True, -1, 0, 1, 2**64 - 1, 0.5, math.nan, math.inf, "", "\ud800", "Dense", "$handle", b"ab", [], [[]], {},
    {"$handle": 1}, {"$handle": [1]}, {"$bytes": 3}, {"data": [1, [2]], "shape": [2]}, {"data": "ab", "shape": [1]},
    {"data": [1], "shape": [math.nan]}, [None], [1, "a"], [[1], [2, 3]], np.zeros((0, 2)), np.array("text"), DEEP,
]  # fmt: skip


def good_messages(net: int) -> list[dict]:
    """Messages of all kinds, each of which does its work as it is."""
    arrays = {"data": np.ones(4, np.float32), "shape": [2, 2]}
    calls = [
        (0, "network", [CONFIG], {}),
        (0, "mseLossGrad", [arrays, X], {}),
        (0, "recordingObserver", [], {"every": 2, "layers": ["0"]}),
        (net, "forward", [X], {"mask": None}),
        (net, "forwardCPU", [arrays], {"training": True}),
        (net, "evaluate", [X, [0, 1]], {}),
        (net, "setOptimizer", [{"type": "SGD", "momentum": 0.9}], {}),
        (net, "setLayer", [0, 0, 0, {"type": "Dense", "inputs": 2, "outputs": 2}], {}),
        (net, "observe", [], {"every": 1}),
        (net, "$release", [0], {}),
        (0, "$alive", [], {}),
    ]
    answered = [
        {"kind": "call", "id": 2, "target": target, "method": method, "args": args, "options": options}
        for target, method, args, options in calls
    ]
    signals = [{"kind": "abort", "id": 2}, {"kind": "steer", "id": 2, "action": "step", "steps": 1}, {"kind": "hide"}]
    return answered + signals


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Paths of all values in a message, without the message itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, item in items:
        found += places(item, (*path, key))
    return found


def damaged(message: dict, draw: random.Random) -> dict:
    """A copy of a message with one value replaced, removed or moved."""
    message = copy.deepcopy(message)
    *parents, key = draw.choice(places(message))
    holder = message
    for parent in parents:
        holder = holder[parent]
    if draw.random() < 0.2:
        del holder[key]
    elif isinstance(holder, dict) and draw.random() < 0.2:
        holder[draw.choice(["x", "", "shape", "$handle"])] = holder.pop(key)
    else:
        holder[key] = copy.copy(draw.choice(JUNK))
    return message


@pytest.mark.parametrize("seed", range(3))
def test_damaged_messages_are_answered_in_words_and_do_no_harm(seed):
    draw = random.Random(seed)
    sent: list[dict] = []
    session = open_session()
    server = Server(session, sent.append)
    net = session.call(0, "network", [CONFIG])["$handle"]
    good = good_messages(net)
    for _ in range(150):
        message = damaged(draw.choice(good), draw)
        sent.clear()
        server.receive(message)
        answers = [answer for answer in sent if answer["kind"] == "response"]
        kind, number = message.get("kind"), message.get("id")
        is_call = isinstance(kind, str) and kind == "call" and type(number) is int and number >= 0
        assert [answer["id"] for answer in answers] == ([number] if is_call else [])
        for answer in answers:
            assert answer["ok"] or answer["error"]["code"] != "python", (message, answer["error"]["traceback"])
    server.receive({"kind": "call", "id": 3, "target": 0, "method": "network", "args": [CONFIG], "options": {}})
    fresh = sent[-1]["value"]["$handle"]
    assert session.call(fresh, "forward", [X]).shape == (2, 2)
