"""The delivery core without a network: its generator is driven by hand, so every wait and retry can be seen."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loom_py.errors import ConfigError
from loom_py.observers.delivery.delivery import DeliveryPlan, Gather, Idle, Post, Wait, deliver, unload_beacon
from loom_py.observers.delivery.queue import DeliveryQueue
from loom_py.observers.delivery.retry import Backoff, Response
from loom_py.telemetry.events import TrainingEvent


def steps_of(body):
    return [int(step) for step in body.split()]


def make_plan(capacity=100, batch=4, **backoff):
    return DeliveryPlan(
        queue=DeliveryQueue(capacity),
        encode=lambda records: " ".join(str(record.step) for record in records).encode(),
        accepted=lambda answer, records: True,
        backoff=Backoff(**({"jitter": 0.0} | backoff)),
        batch=batch,
        gather_s=0.5,
    )


def fill(plan, count, start=0):
    for step in range(start, start + count):
        plan.queue.put(TrainingEvent(type="batch_end", step=step))


def check(plan, **expected):
    counters = plan.queue.counters()
    assert counters.produced == counters.delivered + counters.dropped + counters.queued
    assert {name: getattr(counters, name) for name in expected} == expected


def test_idles_gathers_and_sends_in_order():
    plan = make_plan()
    delivery = deliver(plan)
    assert next(delivery) == Idle()
    fill(plan, 2)
    assert delivery.send(None) == Gather(0.5)
    fill(plan, 7, start=2)
    sent = []
    command = delivery.send(None)
    while isinstance(command, Post):
        sent.append(steps_of(command.body))
        command = delivery.send(Response(200))
        if command == Gather(0.5):
            command = delivery.send(None)
    assert sent == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert command == Idle()
    check(plan, produced=9, delivered=9, queued=0)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_servers_are_asked_again_with_growing_waits(status):
    plan = make_plan(first_s=1, factor=2, longest_s=5, attempts=5)
    fill(plan, 4)
    delivery = deliver(plan)
    body = next(delivery).body
    waits = []
    for _ in range(4):
        command = delivery.send(Response(status))
        assert isinstance(command, Wait)
        waits.append(command.seconds)
        assert delivery.send(None) == Post(body)
    assert waits == [1, 2, 4, 5]
    assert delivery.send(Response(200)) == Idle()
    check(plan, delivered=4, retries=4, dropped=0, last_error=f"HTTP status {status}")


def test_a_batch_is_given_up_after_its_attempts_and_the_next_one_waits_still():
    plan = make_plan(first_s=1, attempts=2, longest_s=1000)
    fill(plan, 8)
    delivery = deliver(plan)
    next(delivery)
    assert delivery.send(Response(error="gone")) == Wait(1)
    delivery.send(None)
    assert delivery.send(Response(error="gone")) == Wait(2)
    assert steps_of(delivery.send(None).body) == [4, 5, 6, 7]
    check(plan, dropped=4, queued=4, retries=1, last_error="gone")
    assert delivery.send(Response(503)) == Wait(4)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500, 501])
def test_other_errors_are_never_asked_again(status):
    plan = make_plan()
    fill(plan, 4)
    delivery = deliver(plan)
    next(delivery)
    assert delivery.send(Response(status)) == Idle()
    check(plan, dropped=4, retries=0, last_error=f"HTTP status {status}")


def test_too_large_is_halved_and_one_alone_is_dropped():
    plan = make_plan()
    fill(plan, 4)
    delivery = deliver(plan)
    sent, command = [], next(delivery)
    while isinstance(command, Post):
        steps = steps_of(command.body)
        sent.append(steps)
        command = delivery.send(Response(413 if 2 in steps else 200))
    assert sent == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    check(plan, delivered=3, dropped=1)


def test_retry_after_is_honoured_as_number_and_as_date():
    plan = make_plan(first_s=1)
    fill(plan, 4)
    delivery = deliver(plan)
    next(delivery)
    assert delivery.send(Response(429, {"retry-after": "17"})) == Wait(17)
    now = datetime(2026, 11, 23, 15, 0, 0, tzinfo=UTC)
    date = Response(503, {"retry-after": "Mon, 23 Nov 2026 15:00:42 GMT"})
    assert date.retry_after_s(now) == 42
    past = Response(503, {"retry-after": "Mon, 23 Nov 2020 15:00:42 GMT"})
    assert past.retry_after_s(now) == 0
    for hostile in ("9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert Response(503, {"retry-after": hostile}).retry_after_s(now) == 3600
    huge = "Mon, 23 Nov 99999999999999999999 15:00:42 GMT"
    for nonsense in ("", "soon", "-5", "1e9", "1e999", "nan", "²", huge, "Mon, 23 Nov 2026 15:00:42 +99999999999"):
        assert Response(503, {"retry-after": nonsense}).retry_after_s(now) is None


def test_jitter_spreads_the_waits_within_its_share():
    waits = [Backoff(first_s=10, jitter=0.2).wait_s(1) for _ in range(200)]
    assert min(waits) >= 8
    assert max(waits) <= 12
    assert max(waits) - min(waits) > 1
    assert Backoff().wait_s(10_000) <= 36  # no overflow


def test_closing_sends_what_is_left_and_gives_up_when_time_is_over():
    plan = make_plan(first_s=1000)
    fill(plan, 6)
    plan.deadline = float("inf")
    delivery = deliver(plan)
    assert steps_of(next(delivery).body) == [0, 1, 2, 3]
    assert steps_of(delivery.send(Response(200)).body) == [4, 5]  # no gathering any more
    with pytest.raises(StopIteration):
        delivery.send(Response(200))
    check(plan, delivered=6)
    plan.deadline = None
    fill(plan, 8)
    delivery = deliver(plan)
    next(delivery)
    plan.deadline = 0.0
    with pytest.raises(StopIteration):
        delivery.send(Response(503))  # the wait would end after the deadline
    plan.queue.close()
    check(plan, produced=14, delivered=6, dropped=8, queued=0)
    fill(plan, 1)
    check(plan, produced=15, dropped=9)


def test_a_record_that_cannot_be_written_is_dropped_alone():
    plan = make_plan(batch=1)
    plan.queue.put(TrainingEvent(type="batch_end", step=None))
    plan.encode = lambda records: str(records[0].step + 1).encode()
    fill(plan, 1)
    delivery = deliver(plan)
    assert next(delivery) == Post(b"1")
    check(plan, dropped=1, queued=1)
    assert "TypeError" in plan.queue.counters().last_error


def test_of_a_batch_only_the_record_that_cannot_be_written_is_dropped(caplog):
    plan = make_plan(batch=4)
    fill(plan, 4)
    written = plan.encode

    def encode(records):
        if any(record.step == 2 for record in records):
            raise ZeroDivisionError("by the record")
        return written(records)

    plan.encode = encode
    delivery = deliver(plan)
    assert steps_of(next(delivery).body) == [0, 1]
    assert steps_of(delivery.send(Response(200)).body) == [3]
    assert delivery.send(Response(200)) == Idle()
    check(plan, delivered=3, dropped=1, last_error="ZeroDivisionError: by the record")
    assert "dropped 1 records: ZeroDivisionError: by the record" in caplog.text
    fill(plan, 4)
    body, count = unload_beacon(plan, 3)  # the newest that can be written
    assert (steps_of(body), count) == ([3], 1)


def test_an_answer_that_cannot_be_judged_costs_its_batch_alone(caplog):
    plan = make_plan(batch=4)
    plan.accepted = lambda answer, records: 1 / 0
    fill(plan, 5)
    delivery = deliver(plan)
    next(delivery)
    assert delivery.send(Response(200)) == Gather(0.5)
    check(plan, dropped=4, queued=1)
    assert "unexpected error, a batch is dropped" in caplog.text


def test_reasons_without_end_are_not_logged_without_end(caplog):
    plan = make_plan(capacity=1)
    fill(plan, 3)
    for reason in range(100):
        plan.queue.settle(0, delivered=False, why=f"reason {reason}")
    assert len(caplog.records) == 20
    assert caplog.records[0].getMessage().startswith("observer dropped 1 records: the queue is full (capacity);")


@given(st.lists(st.sampled_from(["put", "take", "deliver", "drop", "put back", "close"]), max_size=60))
def test_every_record_is_accounted_for_and_memory_is_bounded(actions):
    queue, taken, step = DeliveryQueue(5), [], 0
    for action in actions:
        if action == "put":
            queue.put(TrainingEvent(type="batch_end", step=step))
            step += 1
        elif action == "take":
            taken += queue.take(3)
        elif action == "put back":
            queue.put_back(taken)
            taken = []
        elif action == "close":
            queue.close()
        else:
            queue.settle(len(taken), delivered=action == "deliver")
            taken = []
        counters = queue.counters()
        assert counters.produced == step == counters.delivered + counters.dropped + counters.queued
        assert counters.queued <= 5


def test_a_full_queue_drops_the_oldest_that_is_not_on_its_way():
    plan = make_plan(capacity=4, batch=2)
    fill(plan, 2)
    delivery = deliver(plan)
    assert steps_of(next(delivery).body) == [0, 1]
    fill(plan, 4, start=2)
    check(plan, dropped=2, queued=4)
    assert steps_of(delivery.send(Response(200)).body) == [4, 5]
    with pytest.raises(ConfigError):
        DeliveryQueue(0)


def test_unload_beacon_takes_anomalies_and_the_newest_that_fit_and_keeps_the_rest():
    plan = make_plan(capacity=1000)
    plan.queue.put(TrainingEvent(type="anomaly", step=7))
    fill(plan, 500, start=100)
    body, count = unload_beacon(plan, 100)
    steps = steps_of(body)
    assert len(body) <= 100
    assert len(steps) == count == 25
    assert steps == [7, *range(576, 600)]
    plan.queue.settle(count, delivered=True)
    check(plan, delivered=25, queued=476, dropped=0)
    assert steps_of(b" ".join(str(r.step).encode() for r in plan.queue.take(3))) == [100, 101, 102]
    empty = make_plan()
    assert unload_beacon(empty, 100) is None
    fill(empty, 1, start=10**9)
    assert unload_beacon(empty, 3) is None
    check(empty, queued=1)
