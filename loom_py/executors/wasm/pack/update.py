"""Packing of norms, guards, optimizers and dropout."""

from __future__ import annotations

from loom_py.executors.wasm.pack.call import Call, double_words, float_word, operation, packs


@packs("global_norm")
def global_norm(call: Call) -> list[int]:
    return operation("global_norm", call.outputs[0].address, call.address(0), call.input(0).size)


@packs("distance")
def distance(call: Call) -> list[int]:
    return operation("distance", call.outputs[0].address, call.address(0), call.address(1), call.input(0).size)


@packs("clip_scale", knows=("max_norm",))
def clip_scale(call: Call) -> list[int]:
    return operation("clip_scale", call.outputs[0].address, call.address(0), float_word(call.attrs["max_norm"]))


@packs("clip_values", knows=("limit",))
def clip_values(call: Call) -> list[int]:
    return operation("clip_values", call.address(0), call.input(0).size, float_word(call.attrs["limit"]))


@packs("accumulate")
def accumulate(call: Call) -> list[int] | None:
    total, g, keep, share = (call.input(place) for place in range(4))
    if total.shape != g.shape or keep.size != 1 or share.size != 1:
        return None
    return operation("accumulate", total.address, g.address, keep.address, share.address, total.size)


@packs("restore_unless", floats=False)
def restore_unless(call: Call) -> list[int] | None:
    target, before, ok = (call.input(place) for place in range(3))
    if target.dtype != before.dtype or target.shape != before.shape or not ok.is_float:
        return None
    return operation("restore_unless", target.address, before.address, ok.address, target.nbytes)


def _addresses(call: Call) -> list[int]:
    return [call.address(place) for place in range(len(call.inputs))]


@packs("finite_guard")
def finite_guard(call: Call) -> list[int]:
    return operation("finite_guard", call.outputs[0].address, *_addresses(call), *[0] * (4 - len(call.inputs)))


@packs("sgd", knows=("momentum", "nesterov", "weight_decay"))
def sgd(call: Call) -> list[int]:
    get = call.attrs.get
    options = float_word(get("momentum", 0.0)), int(get("nesterov", False)), float_word(get("weight_decay", 0.0))
    return operation("sgd", *_addresses(call), call.input(0).size, *options)


@packs("adam", knows=("beta1", "beta2", "eps", "weight_decay", "decoupled"))
def adam(call: Call) -> list[int]:
    get = call.attrs.get
    numbers = get("beta1", 0.9), get("beta2", 0.999), get("eps", 1e-8), get("weight_decay", 0.0)
    doubles = [word for number in numbers for word in double_words(number)]
    return operation("adam", *_addresses(call), call.input(0).size, int(get("decoupled", False)), *doubles)


@packs("rmsprop", knows=("alpha", "eps", "momentum", "weight_decay"))
def rmsprop(call: Call) -> list[int]:
    get, alpha = call.attrs.get, call.attrs.get("alpha", 0.99)
    numbers = alpha, 1 - alpha, get("eps", 1e-8), get("momentum", 0.0), get("weight_decay", 0.0)
    return operation("rmsprop", *_addresses(call), call.input(0).size, *map(float_word, numbers))


@packs("lion", knows=("beta1", "beta2", "weight_decay"))
def lion(call: Call) -> list[int]:
    get = call.attrs.get
    beta1, beta2 = get("beta1", 0.9), get("beta2", 0.99)
    numbers = get("weight_decay", 0.0), beta1, 1 - beta1, beta2, 1 - beta2
    return operation("lion", *_addresses(call), call.input(0).size, *map(float_word, numbers))


@packs("dropout_mask", knows=("shape", "rate", "seed", "stream", "dtype"), floats=False)
def dropout_mask(call: Call) -> list[int] | None:
    (out,), draw, rate = call.outputs, call.input(0), call.attrs["rate"]
    if not out.is_float or draw.dtype.kind not in "iu" or draw.dtype.itemsize != 4:
        return None
    seed, stream = call.attrs["seed"], call.attrs["stream"]
    threshold = min(round(rate * 2**32), 2**32 - 1)
    words = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, stream & 0xFFFFFFFF, threshold)
    return operation("dropout_mask", out.address, draw.address, out.size, *words, float_word(1 / (1 - rate)))
