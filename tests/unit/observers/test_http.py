"""HTTPObserver and OTLPObserver against real servers on this machine, most of which misbehave."""

import gzip
import json
import math
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loom_py.errors import ConfigError
from loom_py.observers import Backoff, HTTPObserver, OTLPObserver

pytestmark = pytest.mark.cpython

QUICK = Backoff(first_s=0.01, longest_s=0.05, attempts=5)


def ok(handler):
    handler.answer(200)


class Server(ThreadingHTTPServer):
    """Keeps the bodies it was sent; `behave(handler)` answers."""

    daemon_threads = True

    def __init__(self, behave):
        self.behave = behave
        self.bodies, self.headers, self.paths = [], [], []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/telemetry"

    @property
    def steps(self):
        return [record["step"] for body in self.accepted for record in body["records"]]

    @property
    def accepted(self):
        return [json.loads(body) for body, status in self.bodies if status == 200]

    def handle_error(self, request, client_address):
        """A client that goes away is part of these tests."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.headers.append(dict(self.headers))
        self.server.paths.append(self.path)
        self.server.behave(self)

    def do_GET(self):
        self.server.paths.append("GET " + self.path)
        self.answer(200)

    def answer(self, status, body=b"{}", **headers):
        self.server.bodies.append((getattr(self, "body", b""), status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def serving(behave=ok):
    server = Server(behave)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def observer_for(server, cls=HTTPObserver, **options):
    return cls(server.url, **({"interval_s": 0.01, "backoff": QUICK, "close_s": 20, "timeout_s": 10} | options))


def send(observer, make_stats, count, start=0):
    for step in range(start, start + count):
        observer.on_layer_forward(0, make_stats(step=step))


def balanced(observer):
    counters = observer.counters
    assert counters.produced == counters.delivered + counters.dropped + counters.queued
    return counters


def test_records_arrive_in_batches_in_order_as_strict_json(make_stats, make_event):
    with serving() as server:
        with observer_for(server, batch=50, headers={"Authorization": "Bearer secret"}) as observer:
            send(observer, make_stats, 120)
            observer.on_layer_forward(0, make_stats(step=120, output_mean=math.nan, output_max=math.inf, nan_count=4))
            observer.on_training_event(make_event("batch_end", step=121, loss=-math.inf))
        assert server.steps == list(range(122))
        first = server.accepted[0]
        assert (first["format"], first["version"], first["dropped"]) == ("loom_py-telemetry", 1, 0)
        assert max(len(body["records"]) for body in server.accepted) <= 50
        layer, event = server.accepted[-1]["records"][-2:]
        assert (layer["kind"], layer["output_mean"], layer["output_max"], layer["nan_count"]) == (
            "layer", "NaN", "Infinity", 4,
        )  # fmt: skip
        assert "gradient_norm" not in layer
        assert (event["kind"], event["loss"]) == ("event", "-Infinity")
        assert server.headers[0]["Authorization"] == "Bearer secret"
        assert server.headers[0]["Content-Type"] == "application/json"
        assert len({body["run"] for body in server.accepted}) == 1
    counters = balanced(observer)
    assert (counters.delivered, counters.dropped) == (122, 0)


def test_training_never_waits_for_a_slow_server_and_memory_stays_bounded(make_stats):
    trained = threading.Event()

    def slow(handler):
        trained.wait(60)  # answers only once all records were produced: waiting for it would never end
        handler.answer(200)

    with serving(slow) as server:
        with observer_for(server, capacity=100, batch=10) as observer:
            for start in range(0, 5000, 100):
                send(observer, make_stats, 100, start)
                assert balanced(observer).queued <= 100
            trained.set()
        steps = server.steps
        counters = balanced(observer)
        assert counters.dropped > 4000
        assert counters.delivered == len(steps)
        assert steps == sorted(steps)
        assert steps[-1] == 4999


def test_429_with_retry_after_and_503_are_tried_again(make_stats):
    answers = [(429, {"Retry_After": "0"}), (503, {}), (502, {}), (504, {})]

    def busy(handler):
        status, headers = answers.pop(0) if answers else (200, {})
        handler.answer(status, **headers)

    with serving(busy) as server:
        with observer_for(server) as observer:
            send(observer, make_stats, 10)
        assert server.steps == list(range(10))
        assert [status for _, status in server.bodies][:5] == [429, 503, 502, 504, 200]
        assert len({body for body, _ in server.bodies[:5]}) == 1  # the very same request
    counters = balanced(observer)
    assert (counters.delivered, counters.dropped, counters.retries) == (10, 0, 4)


def test_a_server_that_refuses_is_not_pestered(make_stats):
    with serving(lambda handler: handler.answer(401)) as server:
        with observer_for(server, batch=5) as observer:
            send(observer, make_stats, 5)
        assert len(server.bodies) == 1
    counters = balanced(observer)
    assert (counters.dropped, counters.last_error) == (5, "HTTP status 401")


def test_413_halves_until_it_fits(make_stats):
    def small(handler):
        handler.answer(413 if len(handler.body) > 3000 else 200)

    with serving(small) as server:
        with observer_for(server, batch=64) as observer:
            send(observer, make_stats, 64)
        assert server.steps == list(range(64))
    assert balanced(observer).delivered == 64


def test_connections_that_are_reset_are_tried_again(make_stats):
    resets = [True, True]

    def reset(handler):
        if resets:
            resets.pop()
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            handler.connection.close()  # RST
        else:
            handler.answer(200)

    with serving(reset) as server:
        with observer_for(server) as observer:
            send(observer, make_stats, 10)
        assert server.steps == list(range(10))
    assert balanced(observer).retries == 2


def test_answers_that_are_garbage_or_endless_harm_nobody(make_stats):
    answers = [b"HTTP/1.1 999999 \x00\r\n\r\n", b"\xff" * 100_000, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000]

    def garbage(handler):
        raw = answers.pop(0) if answers else answers
        if raw:
            handler.wfile.write(raw)
            handler.close_connection = True
        else:
            handler.answer(200)

    with serving(garbage) as server:
        with observer_for(server, batch=1, interval_s=0) as observer:
            send(observer, make_stats, 2)
        assert server.steps == [1]  # the first record was answered by an endless "OK"
    assert balanced(observer).delivered == 2


HOSTILE = {
    "infinite count": b'{"partialSuccess": {"rejectedDataPoints": 1e999}}',
    "huge count": b'{"partialSuccess": {"rejectedDataPoints": ' + b"9" * 400 + b"}}",
    "NaN": b'{"partialSuccess": {"rejectedDataPoints": NaN}}',
    "nested": b"[" * 100_000,
    "wrong types": b'{"partialSuccess": [{"rejectedDataPoints": {}}]}',
    "list as count": b'{"partialSuccess": {"rejectedDataPoints": [1], "errorMessage": 7}}',
    "half a pair": b'{"partialSuccess": {"rejectedDataPoints": 1, "errorMessage": "\\ud800\\n\\u0000"}}',
    "HTML": b"<!doctype html><h1>It works!</h1>",
    "nothing": b"",
}


def test_no_answer_ends_the_delivery(make_stats, caplog):
    answers = list(HOSTILE.values())

    def hostile(handler):
        handler.answer(200, answers.pop() if answers else b"{}")

    with serving(hostile) as server:
        with observer_for(server, OTLPObserver, batch=1) as observer:
            send(observer, make_stats, len(HOSTILE) + 5)
        assert len(server.bodies) == len(HOSTILE) + 5
    counters = balanced(observer)
    assert (counters.delivered, counters.dropped, counters.rejected_points) == (len(HOSTILE) + 5, 0, 1)
    assert counters.last_error == "1 data points refused:    "
    assert not caplog.records


def test_a_partial_success_with_a_long_message_is_understood(make_stats):
    answer = json.dumps({"partialSuccess": {"errorMessage": "x" * 300_000, "rejectedDataPoints": "2"}}).encode()
    with serving(lambda handler: handler.answer(200, answer)) as server, observer_for(server, OTLPObserver) as observer:
        send(observer, make_stats, 1)
        observer.flush()
    assert balanced(observer).rejected_points == 2
    assert len(balanced(observer).last_error) < 250


@pytest.mark.parametrize("dripped", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n", b""])
def test_a_response_that_drips_is_cut_off(dripped, make_stats):
    gone = threading.Event()

    def drip(handler):
        try:
            while not gone.wait(0.02):
                handler.wfile.write(dripped or b"x")
        except OSError:
            gone.set()  # the client went away

    behaviours = [drip]
    with serving(lambda handler: behaviours.pop()(handler) if behaviours else handler.answer(200)) as server:
        with observer_for(server, batch=1, timeout_s=0.1) as observer:
            send(observer, make_stats, 2)
            assert gone.wait(20)
        assert server.steps == [0, 1]
    counters = balanced(observer)
    assert (counters.delivered, counters.retries) == (2, 1)


@pytest.mark.parametrize(
    "header", [b"Retry-After: 1e999", b"Retry-After: Mon, 23 Nov 99999999999999999999 15:00:42 GMT", b"X: y\r\n" * 200]
)
def test_headers_of_any_kind_are_survived(header, make_stats):
    def busy(handler):
        handler.wfile.write(b"HTTP/1.1 503 Busy\r\n" + header.strip() + b"\r\n\r\n")
        handler.close_connection = True

    behaviours = [busy]
    with serving(lambda handler: behaviours.pop()(handler) if behaviours else handler.answer(200)) as server:
        with observer_for(server) as observer:
            send(observer, make_stats, 3)
        assert server.steps == [0, 1, 2]
    assert balanced(observer).retries == 1


def test_dropped_records_are_logged_once_for_each_reason(make_stats, caplog):
    answers = [401, 401, 500]
    with serving(lambda handler: handler.answer(answers.pop(0))) as server:
        with observer_for(server, batch=1) as observer:
            send(observer, make_stats, 3)
        send(observer, make_stats, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"HTTPObserver dropped 1 records: HTTP status {status}; "
        "more of them are counted in counters.dropped, not logged"
        for status in (401, 500)
    ]
    assert balanced(observer).dropped == 4


def test_an_unexpected_error_of_a_request_is_logged_and_the_delivery_goes_on(make_stats, caplog, monkeypatch):
    def broken(*args):
        monkeypatch.undo()
        raise MemoryError("no memory")

    monkeypatch.setattr("loom_py.observers.delivery.thread.post", broken)
    monkeypatch.setattr("loom_py.observers.delivery.thread.RECOVERY_S", 0.001)
    with serving() as server:
        with observer_for(server) as observer:
            send(observer, make_stats, 3)
        assert server.steps == [0, 1, 2]
    assert "unexpected error, the delivery goes on" in caplog.text
    assert balanced(observer).last_error == "MemoryError: no memory"


def test_a_redirect_is_not_followed_with_a_get(make_stats):
    with serving(lambda handler: handler.answer(302, Location="/elsewhere")) as server:
        with observer_for(server) as observer:
            send(observer, make_stats, 3)
        assert server.paths == ["/telemetry"]
    assert balanced(observer).dropped == 3


def test_a_server_that_is_gone_costs_only_counted_drops(make_stats):
    with serving() as server:
        url = server.url
    observer = HTTPObserver(url, interval_s=0, backoff=QUICK, capacity=50, close_s=20)
    send(observer, make_stats, 200)
    observer.close()
    observer.close()
    send(observer, make_stats, 3)
    counters = balanced(observer)
    assert (counters.produced, counters.delivered, counters.dropped, counters.queued) == (203, 0, 203, 0)
    assert "refused" in counters.last_error


def test_flush_delivers_what_is_queued(make_stats):
    with serving() as server, observer_for(server, interval_s=1000) as observer:
        send(observer, make_stats, 3)
        observer.flush()
        assert server.steps == [0, 1, 2]
        send(observer, make_stats, 2, start=3)
        observer.flush()
        assert server.steps == [0, 1, 2, 3, 4]
        assert balanced(observer).queued == 0


PROGRAM = """
import sys
sys.path.insert(0, ".")
from loom_py.telemetry.events import TrainingEvent
from loom_py.observers import HTTPObserver
observer = HTTPObserver(sys.argv[1], interval_s=1000)
for step in range(25):
    observer.on_training_event(TrainingEvent(type="batch_end", step=step))
"""


def test_what_is_queued_is_sent_at_the_interpreters_exit():
    with serving() as server:
        subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM, server.url], check=True, timeout=60)
        assert server.steps == list(range(25))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "ftp://localhost/x",
        "file:///etc/passwd",
        "http://",
        "http://a b/",
        "http://h/\r\nX: 1",
        "http://h:99999/",
        "http://[::1",
    ],
)
def test_bad_addresses_are_refused(url):
    with pytest.raises(ConfigError, match="url: expected an http or https address"):
        HTTPObserver(url)


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nEvil: 1"}, {"X\n": "1"}, {"": "1"}, {"X Y": "1"}, {"X": "→"}, {"X": "\0"}]
)
def test_headers_that_break_their_line_are_refused_without_showing_them(headers):
    with pytest.raises(ConfigError) as refused:
        HTTPObserver("http://localhost:1/", headers={"Authorization": "Bearer secret"} | headers)
    assert "secret" not in str(refused.value)
    assert "Evil" not in str(refused.value)


def points_of(body):
    json_format = pytest.importorskip("google.protobuf.json_format")
    pb2 = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    request = json_format.Parse(body, pb2.ExportMetricsServiceRequest())
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    return {metric.name: list(metric.gauge.data_points) for metric in metrics}


def test_otlp_is_what_a_collector_takes(make_stats, make_event):
    with serving() as server:
        with observer_for(server, OTLPObserver, resource={"service.name": "digits"}) as observer:
            observer.on_layer_forward(0, make_stats(output_mean=math.nan, nan_count=5))
            observer.on_training_event(make_event("batch_end", step=3, loss=0.25))
        found = {}
        for body, _ in server.bodies:
            for name, points in points_of(body).items():
                found.setdefault(name, []).extend(points)
        assert math.isnan(found["loom.layer.output_mean"][0].as_double)
        assert found["loom.layer.nan_count"][0].as_int == 5
        assert found["loom.layer.compute_time"][0].as_double == 0.000125
        assert found["loom.training.loss"][0].as_double == 0.25
        assert found["loom.training.step"][0].as_int == 3
        assert "digits" in server.bodies[0][0].decode()
    assert balanced(observer).delivered == 2


@pytest.mark.parametrize(
    ("rejected", "delivered", "dropped"), [('"2"', 5, 0), ("100000", 0, 5), ('"many"', 5, 0), ("-7", 5, 0)]
)
def test_a_partial_success_is_counted_and_never_sent_again(rejected, delivered, dropped, make_stats):
    answer = f'{{"partialSuccess": {{"rejectedDataPoints": {rejected}, "errorMessage": "too old"}}}}'.encode()
    with serving(lambda handler: handler.answer(200, answer)) as server:
        with observer_for(server, OTLPObserver, interval_s=1000) as observer:
            send(observer, make_stats, 5)
        assert len(server.bodies) == 1
    counters = balanced(observer)
    assert (counters.delivered, counters.dropped) == (delivered, dropped)
    assert counters.rejected_points == {'"2"': 2, "100000": 100000}.get(rejected, 0)


def test_compressed_nonsense_in_the_answer_is_no_partial_success(make_stats):
    with serving(lambda handler: handler.answer(200, gzip.compress(b"{}"))) as server:
        with observer_for(server, OTLPObserver) as observer:
            send(observer, make_stats, 1)
        assert len(server.bodies) == 1
    assert balanced(observer).delivered == 1
