"""ChannelObserver: policies, counters, both ways to iterate."""

import asyncio
import queue
import threading

import pytest

from loom_py.errors import ConfigError, StateError
from loom_py.observers import ChannelObserver


def send(channel, make_stats, count):
    for step in range(count):
        channel.on_layer_forward(0, make_stats(step=step))


@pytest.mark.parametrize(("policy", "steps"), [("drop_oldest", [7, 8, 9]), ("drop_newest", [0, 1, 2])])
def test_a_full_channel_drops_by_its_policy(policy, steps, make_stats):
    channel = ChannelObserver(3, policy)
    send(channel, make_stats, 10)
    channel.close()
    assert [record.step for record in channel] == steps
    counters = channel.counters
    assert (counters.produced, counters.delivered, counters.dropped, counters.queued) == (10, 3, 7, 0)


@pytest.mark.parametrize(("policy", "steps"), [("drop_oldest", [7, 8, 9]), ("drop_newest", [0, 1, 2])])
def test_a_queue_of_the_caller_is_filled_by_the_policy(policy, steps, make_stats):
    records = queue.Queue(3)
    channel = ChannelObserver(records, policy)
    send(channel, make_stats, 10)
    counters = channel.counters
    assert (counters.produced, counters.delivered, counters.dropped, counters.queued) == (10, 0, 7, 3)
    assert [records.get_nowait().step for _ in steps] == steps
    assert channel.counters.delivered == 3
    channel.close()
    send(channel, make_stats, 1)
    assert (records.qsize(), channel.counters.dropped) == (0, 8)
    for read in (channel.take, lambda: next(iter(channel))):
        with pytest.raises(StateError, match="read that queue"):
            read()


def test_a_queue_without_a_limit_is_bounded_and_others_are_refused(make_stats):
    records = queue.Queue()
    channel = ChannelObserver(records)
    send(channel, make_stats, 1010)
    assert (records.qsize(), records.get().step) == (1000, 10)
    for other in (queue.SimpleQueue(), asyncio.Queue(), []):
        with pytest.raises(ConfigError, match=r"capacity: expected a whole number or a queue\.Queue"):
            ChannelObserver(other)


@pytest.mark.cpython
def test_a_channel_that_blocks_waits_for_the_reader_of_its_queue(make_stats):
    records, taken = queue.Queue(1), []
    channel = ChannelObserver(records, "block")
    reader = threading.Thread(target=lambda: taken.extend(records.get().step for _ in range(5)))
    reader.start()
    send(channel, make_stats, 5)
    reader.join(20)
    assert taken == [0, 1, 2, 3, 4]
    send(channel, make_stats, 1)
    threading.Timer(0.01, channel.close).start()
    send(channel, make_stats, 1)  # nobody reads: closing ends the wait
    assert channel.counters.dropped == 1
    with pytest.raises(StateError, match="read that queue"):
        asyncio.run(anext(aiter(channel)))


def test_forward_only_unless_asked(deliver):
    plain, full = ChannelObserver(), ChannelObserver(backward=True, events=True)
    for channel in (plain, full):
        deliver(channel, 2)
    assert {record.phase for record in plain.take()} == {"forward"}
    assert len(full.take()) == 10
    assert full.counters.queued == 0


def test_after_close_records_are_dropped_and_counted(make_stats):
    channel = ChannelObserver()
    channel.close()
    send(channel, make_stats, 2)
    assert list(channel) == []
    assert channel.counters.dropped == 2


@pytest.mark.cpython
def test_for_in_another_thread_sees_everything_in_order(make_stats):
    channel, seen = ChannelObserver(10_000), []
    consumer = threading.Thread(target=lambda: seen.extend(record.step for record in channel))
    consumer.start()
    send(channel, make_stats, 2000)
    channel.close()
    consumer.join(30)
    assert seen == list(range(2000))


@pytest.mark.cpython
def test_block_makes_the_network_wait_and_loses_nothing(make_stats):
    channel, seen = ChannelObserver(2, "block"), []
    producer = threading.Thread(target=lambda: (send(channel, make_stats, 500), channel.close()))
    producer.start()
    for record in channel:
        seen.append(record.step)
        assert channel.counters.queued <= 2
    producer.join(30)
    assert seen == list(range(500))
    assert channel.counters.dropped == 0


@pytest.mark.cpython
def test_close_frees_a_network_that_waits(make_stats):
    channel = ChannelObserver(1, "block")
    producer = threading.Thread(target=lambda: send(channel, make_stats, 3))
    producer.start()
    channel.close()
    producer.join(30)
    assert not producer.is_alive()
    counters = channel.counters
    assert counters.produced == 3 == counters.dropped + counters.queued


@pytest.mark.cpython
def test_async_for_with_a_producer_in_the_same_loop(make_stats):
    async def scene():
        channel, seen = ChannelObserver(), []

        async def consume():
            async for record in channel:
                seen.append(record.step)

        consumer = asyncio.create_task(consume())
        for step in range(5):
            await asyncio.sleep(0)
            channel.on_layer_forward(0, make_stats(step=step))
        channel.close()
        await consumer
        return seen

    assert asyncio.run(scene()) == [0, 1, 2, 3, 4]


@pytest.mark.cpython
def test_async_for_with_a_producer_in_another_thread(make_stats):
    async def scene():
        channel = ChannelObserver(10_000)
        producer = threading.Thread(target=lambda: (send(channel, make_stats, 1000), channel.close()))
        producer.start()
        seen = [record.step async for record in channel]
        producer.join(30)
        return seen

    assert asyncio.run(scene()) == list(range(1000))


def test_bad_options_are_refused():
    with pytest.raises(ConfigError, match="capacity"):
        ChannelObserver(0)
    with pytest.raises(ConfigError, match="policy"):
        ChannelObserver(1, "drop_all")
