"""The server of a session: one response a call, long calls in slices, streams that end."""

import asyncio
import math

import numpy as np
import pytest

from loom_py import runtime
from loom_py.errors import DataError
from loom_py.session.failures import describe_error
from loom_py.session.jobs import Job
from loom_py.session.package import open_session
from loom_py.session.serve import Server
from loom_py.telemetry.observer import Observer

CONFIG = {"input_shape": [2], "seed": 1, "layers": [{"type": "Dense", "inputs": 2, "outputs": 2}]}
X = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], np.float32)
Y = [0, 1, 1, 0]

needs_a_loop = pytest.mark.cpython  # inside Pyodide the loop is JavaScript's: the bridge's own tests run there


class Client:
    """The other side: keeps what it is sent."""

    def __init__(self) -> None:
        self.session = open_session()
        self.sent: list[dict] = []
        self.server = Server(self.session, self.sent.append)
        self.net = self.call(0, "network", CONFIG)["value"]["$handle"]

    def post(self, kind: str, number: int, **message) -> None:
        self.server.receive({"kind": kind, "id": number, **message})

    def call(self, target: int, method: str, *args, number: int = 1, **more) -> dict:
        self.post("call", number, target=target, method=method, args=list(args), **more)
        return self.sent[-1]

    def of(self, number: int, kind: str) -> list[dict]:
        return [message for message in self.sent if message["id"] == number and message["kind"] == kind]

    async def until(self, number: int, kind: str) -> dict:
        """The first message of a kind with a call's number; fails where a refused call would be waited for for ever."""
        for _ in range(10_000):
            if found := self.of(number, kind):
                return found[0]
            assert not self.of(number, "response"), f"expected a {kind}, got {self.of(number, 'response')[0]}"
            await asyncio.sleep(0)
        raise AssertionError(f"expected a {kind} of call {number}, got none")

    async def response(self, number: int) -> dict:
        return await self.until(number, "response")


@pytest.fixture
def client() -> Client:
    return Client()


def test_every_call_is_answered_once(client):
    assert client.call(client.net, "forward", X, number=2)["ok"]
    refused = client.call(client.net, "_engine", number=3)
    assert refused == {
        "kind": "response",
        "id": 3,
        "ok": False,
        "error": {"name": "NotPublicError", "code": "not_public", "message": refused["error"]["message"]},
    }
    assert len(client.of(2, "response")) == len(client.of(3, "response")) == 1


def test_an_answer_that_cannot_be_sent_is_an_error_of_its_call(client):
    def send(message):
        if message.get("ok"):
            raise DataError("too odd for JavaScript")
        client.sent.append(message)

    client.server = Server(client.session, send)
    assert client.call(client.net, "forward", X, number=2)["error"]["message"] == "too odd for JavaScript"
    assert len(client.of(2, "response")) == 1


def test_unreadable_messages_are_answered_or_logged(client, caplog):
    before = len(client.sent)
    client.server.refuse({"kind": "hide", "id": None}, DataError("unreadable"))
    assert (len(client.sent), "unreadable" in caplog.text) == (before, True)
    client.server.refuse({"kind": "call", "id": 9}, DataError("unreadable"))
    assert client.sent[-1]["error"]["code"] == "data"


def test_an_error_that_nothing_waits_for_is_logged(client, monkeypatch, caplog):
    def fail():
        raise ZeroDivisionError("while hiding")

    monkeypatch.setattr(runtime, "hidden", fail)
    client.server.receive({"kind": "hide"})
    assert "while hiding" in caplog.text
    assert client.call(client.net, "forward", X, number=2)["ok"]


def test_malformed_messages_are_answered_or_ignored(client):
    before = len(client.sent)
    client.server.receive({"kind": "noise"})
    client.post("abort", 99)
    client.post("steer", 99, action="pause")
    client.server.receive({"kind": "hide"})
    assert len(client.sent) == before
    client.server.receive({"kind": "call", "id": 7})
    assert client.sent[-1]["ok"] is False


@needs_a_loop
def test_training_lets_others_in_and_is_aborted_between_steps(client):
    async def run():
        client.call(client.net, "fit", X, Y, {"epochs": 1_000_000}, number=2, events=True)
        assert client.call(client.net, "forward", X, number=3)["id"] == 3
        busy = client.call(client.net, "fit", X, Y, number=4)
        assert busy["error"]["code"] == "state"
        await client.until(2, "push")
        assert client.call(client.net, "forward", X, number=5)["ok"]
        assert not client.of(2, "response")
        client.post("abort", 2)
        return await client.response(2)

    result = asyncio.run(run())["value"]
    assert result["stopped_because"] == "cancelled"
    events = [event for push in client.of(2, "push") for event in push["messages"]]
    assert [events[0]["type"], events[-1]["type"]] == ["train_start", "train_end"]
    assert sum(event["type"] == "batch_end" for event in events) == result["steps"] > 0


class Interrupting(Observer):
    """An observer in the middle of whose work messages come, as they do where Python waits for the GPU."""

    def __init__(self, post) -> None:
        self.post = post
        self.seen = 0

    def on_layer_forward(self, layer_idx, stats) -> None:
        self.seen += 1
        if self.seen == 1:
            self.post()


def test_a_call_that_comes_in_the_middle_of_another_is_answered_after_it(client):
    def interrupt():
        client.call(client.net, "forward", X, number=3)
        client.post("call", 4, target=client.net, method="observe", args=[])
        client.post("abort", 4)
        assert client.sent == before

    observer = Interrupting(interrupt)
    client.session.object(client.net).add_observer(observer)
    before = list(client.sent)
    client.call(client.net, "forward", X, number=2)
    assert observer.seen == 2
    answers = [message["id"] for message in client.sent[len(before) :] if message["kind"] == "response"]
    assert answers == [2, 3, 4]
    assert client.of(4, "push")[-1]["last"]  # the abort came after the call that it ends
    assert client.call(client.net, "forward", X, number=5)["ok"]


@needs_a_loop
def test_a_step_in_which_python_waits_is_not_entered_by_others(client):
    def interrupt():
        client.call(client.net, "forward", X, number=3)
        client.post("call", 4, target=client.net, method="fit", args=[X, Y])
        client.post("abort", 2)

    client.session.object(client.net).add_observer(Interrupting(interrupt))

    async def run():
        client.call(client.net, "fit", X, Y, {"epochs": 1_000_000}, number=2)
        return await client.response(2), await client.response(3), await client.response(4)

    trained, forward, second = asyncio.run(run())
    assert (trained["value"]["stopped_because"], trained["value"]["steps"]) == ("cancelled", 1)
    assert forward["ok"]
    assert second["error"]["code"] == "state"


@needs_a_loop
def test_a_pause_in_the_middle_of_a_step_holds_after_it(client):
    observer = Interrupting(lambda: client.post("steer", 2, action="pause"))
    client.session.object(client.net).add_observer(observer)

    async def run():
        client.call(client.net, "fit", X, Y, {"epochs": 5}, number=2)
        for _ in range(20):
            await asyncio.sleep(0)
        steps = client.session.object(client.net).engine.steps
        client.post("steer", 2, action="resume")
        return steps, await client.response(2)

    steps, response = asyncio.run(run())
    assert steps == 1
    assert response["value"]["steps"] == 5


def test_where_both_sides_share_a_thread_a_call_out_of_a_call_is_answered_at_once(client):
    client.server = Server(client.session, client.sent.append, nested=True)
    client.session.object(client.net).add_observer(Interrupting(lambda: client.call(client.net, "summary", number=3)))
    client.call(client.net, "forward", X, number=2)
    assert [message["id"] for message in client.sent[-2:]] == [3, 2]


@needs_a_loop
def test_steps_are_counted_exactly(client):
    async def run():
        client.call(client.net, "fit", X, Y, {"epochs": 5, "batch_size": 2}, number=2, events=True, steps=0)
        counts = []
        for action in [{"steps": 1}, {"steps": 3}, {}]:
            client.post("steer", 2, action="step", **action)
            for _ in range(10):
                await asyncio.sleep(0)
            events = [event for push in client.of(2, "push") for event in push["messages"]]
            counts.append(sum(event["type"] == "batch_end" for event in events))
        client.post("steer", 2, action="resume")
        return counts, await client.response(2)

    counts, response = asyncio.run(run())
    assert counts == [1, 4, 5]
    assert response["value"]["steps"] == 10


@needs_a_loop
def test_an_error_in_the_middle_of_a_long_call_is_its_answer(client):
    class Broken:
        result = None

        def run(self):
            yield 1
            raise ZeroDivisionError("the work failed")

        def cancel(self):
            pass

    async def run():
        await Job(Broken()).drive()

    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(run())
    answer = describe_error(caught.value)
    assert (answer["name"], answer["code"], answer["message"]) == ("ZeroDivisionError", "python", "the work failed")
    assert "in run" in answer["traceback"]


def test_a_stream_begins_with_the_blueprint_and_ends_with_last(client):
    client.call(client.net, "observe", number=2, options={"every": 1})
    client.call(client.net, "forward", X, number=3)
    client.post("abort", 2)
    messages = [message for push in client.of(2, "push") for message in push["messages"]]
    assert [message["kind"] for message in messages] == ["blueprint", "stats"]
    stats = messages[1]
    assert isinstance(stats["data"], memoryview)  # crosses as a typed array alone
    columns = np.asarray(stats["data"]).reshape(len(stats["columns"]), stats["rows"])
    assert math.isfinite(columns[stats["columns"].index("output_mean")][0])
    assert [push["last"] for push in client.of(2, "push")] == [False, False, True]
    client.call(client.net, "forward", X, number=4)
    assert len(client.of(2, "push")) == 3


def rows_of(client: Client, number: int, kind: str) -> int:
    messages = [message for push in client.of(number, "push") for message in push["messages"]]
    return sum(message["rows"] for message in messages if message["kind"] == kind)


@pytest.mark.parametrize("method", ["forward", "forwardCPU"])
def test_what_a_single_call_measures_is_pushed_at_once(client, method):
    client.call(client.net, "observe", number=2, options={"interval_s": 3600})
    other = client.call(0, "network", CONFIG, number=3)["value"]["$handle"]
    client.call(other, "observe", number=4, options={"interval_s": 3600})
    client.call(client.net, method, X, number=5)
    assert rows_of(client, 2, "stats") == 1
    assert rows_of(client, 4, "stats") == 0


@needs_a_loop
def test_what_a_run_has_measured_is_pushed_when_it_rests(client):
    client.call(client.net, "observe", number=2, options={"interval_s": 3600})

    async def rest():
        for _ in range(10):
            await asyncio.sleep(0)
        return rows_of(client, 2, "stats"), rows_of(client, 2, "training")

    async def run():
        client.call(client.net, "fit", X, Y, {"epochs": 1_000_000, "batch_size": 2}, number=3, steps=1)
        seen = [await rest()]
        client.post("steer", 3, action="step", steps=1)
        seen.append(await rest())
        client.post("steer", 3, action="resume")
        await rest()
        assert rows_of(client, 2, "stats") == seen[1][0]  # held back while the run goes on …
        client.call(client.net, "forward", X, number=4)
        assert rows_of(client, 2, "stats") == seen[1][0]
        client.post("steer", 3, action="pause")
        seen.append(await rest())
        client.post("abort", 3)
        await client.response(3)
        return seen

    (first_stats, first_events), (second_stats, second_events), (last_stats, _) = asyncio.run(run())
    assert 0 < first_stats < second_stats < last_stats
    assert 0 < first_events < second_events


def test_a_refused_stream_leaves_no_observer(client):
    assert client.call(client.net, "observe", number=2, options={"every": 0})["error"]["code"] == "config"
    assert client.call(client.net, "observe", number=3, options={"loud": 1})["error"]["code"] == "config"
    assert client.session.object(client.net).dispatcher.observers == []


def test_disposing_ends_streams_and_frees(client):
    client.call(client.net, "observe", number=2)
    assert client.call(0, "$alive", number=3)["value"] == 1
    client.call(client.net, "$dispose", number=4)
    assert client.of(2, "push")[-1]["last"]
    assert client.call(0, "$alive", number=5)["value"] == 0


def test_collected_objects_are_released_unless_a_reference_is_under_way(client):
    client.session.encode(client.session.object(client.net))  # a second reference is sent
    client.call(client.net, "$release", 1, number=2)
    assert client.session.alive == 1
    client.call(client.net, "$release", 1, number=3)
    assert client.session.alive == 0


def test_errors_say_class_code_and_words():
    memory = describe_error(MemoryError())
    assert (memory["code"], "out of memory" in memory["message"]) == ("out_of_memory", True)
    assert "traceback" not in memory
