"""Tweening from a page: a trainer made by call, a run in slices that others get a word in, its events and views."""

import asyncio

import pytest

from tests.unit.test_serve import Client, X, Y


@pytest.mark.cpython  # inside Pyodide the loop is JavaScript's
def test_a_page_makes_a_trainer_and_fits_in_slices() -> None:
    client = Client()
    network = {"$handle": client.net}
    made = client.call(0, "tweenTrainer", network, {"mode": "target", "learning_rate": 1}, number=2)
    trainer = made["value"]["$handle"]

    async def run() -> dict:
        client.call(trainer, "fit", X, Y, number=3, options={"epochs": 30, "batch_size": 2}, events=True)
        assert client.call(client.net, "forward", X, number=4)["ok"]
        return await client.response(3)

    answer = asyncio.run(run())
    pushed = [event["type"] for push in client.of(3, "push") for event in push["messages"]]
    assert pushed.count("batch_end") == 60
    assert pushed[-1] == "train_end"
    assert answer["ok"], answer
    assert (answer["value"]["epochs_run"], answer["value"]["steps"]) == (30, 60)
    history = client.call(trainer, "getHistory", number=5)["value"]
    assert len(history) == 60
    assert history[-1]["views"][0].keys() == {"path", "link_budget", "gap", "depth_barrier", "bad_values"}
