// jax-js on its WASM backend, or on WebGPU in the worker of that name: loss, gradients and update in one jitted function.
//
// On WebGPU nothing is waited for but the end of a block. On WASM it shares work among threads wherever SharedArrayBuffer is to be had; a worker named "1" hides that from it, which is
// how a page without cross-origin isolation looks. Every array is used up by the function that takes it, hence `.ref`.

import { block, calls, oneHot, prepare, serve } from "./serve.mjs";

if (name === "1") delete globalThis.SharedArrayBuffer;

const {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  tree,
  valueAndGrad,
} = await import("/jax/index.js");

const device = name === "webgpu" ? "webgpu" : "wasm";
await init(device);
defaultDevice(device);

const arrayOf = ({ data, shape }) => np.array(data).reshape(shape);

function dense(p, path, x, prefix = "") {
  return np.matmul(x, p[`${path}.${prefix}weight`]).add(p[`${path}.${prefix}bias`]);
}

const mlp = (p, x) => dense(p, "2", nn.relu(dense(p, "1", nn.relu(dense(p, "0", x)))));

function cnn(p, x) {
  const convolve = (path, from) => {
    const bias = p[`${path}.bias`].reshape([-1, 1, 1]);
    const y = nn.relu(lax.conv(from, p[`${path}.weight`], [1, 1], "SAME").add(bias));
    const [n, c, height, width] = y.shape;
    return np.max(y.reshape([n, c, height / 2, 2, width / 2, 2]), [3, 5]);
  };
  const maps = convolve("2", convolve("0", x));
  return dense(p, "5", maps.reshape([maps.shape[0], -1]));
}

function lstm(p, x) {
  const time = x.shape[1];
  const into = np.matmul(x, p["0.weight_ih"]).add(p["0.bias"]);
  let h;
  let c;
  for (let t = 0; t < time; t++) {
    const step = into.ref.slice([], t);
    const z = h ? step.add(np.matmul(h, p["0.weight_hh"].ref)) : step;
    const [i, f, g, o] = np.split(z, 4, 1);
    const fresh = nn.sigmoid(i).mul(np.tanh(g));
    if (c) c = nn.sigmoid(f).mul(c).add(fresh);
    else {
      f.dispose();
      c = fresh;
    }
    h = nn.sigmoid(o).mul(np.tanh(c.ref));
  }
  for (const left of [into, c, p["0.weight_hh"]]) left.dispose();
  return dense(p, "1", h);
}

const norm = (p, path, x) => nn.standardize(x, -1, { epsilon: 1e-5 }).mul(p[`${path}.weight`]).add(p[`${path}.bias`]);

function attention(p, path, x) {
  const [batch, time, width] = x.shape;
  const heads = 4;
  const part = (prefix) => dense(p, path, x.ref, prefix).reshape([batch, time, heads, width / heads]);
  const seen = nn.dotProductAttention(part("query_"), part("key_"), part("value_"), { isCausal: true });
  x.dispose();
  return dense(p, path, seen.reshape([batch, time, width]), "output_");
}

function transformer(p, input) {
  let x = input;
  for (const block of [0, 2]) {
    x = x.ref.add(attention(p, `${block}.layers.1`, norm(p, `${block}.layers.0`, x)));
    const inner = dense(p, `${block + 1}.layers.1`, norm(p, `${block + 1}.layers.0`, x.ref));
    x = x.add(dense(p, `${block + 1}.layers.2`, nn.gelu(inner, { approximate: false })));
  }
  return dense(p, "5", norm(p, "4", x));
}

const MODELS = { "mlp-128": mlp, "mlp-32": mlp, "cnn-digits": cnn, lstm, transformer };

/**
 * Remembers a case: on WASM every result is waited for by `read`, on WebGPU those of a block at its end; work whose result
 * was disposed of before would never be done.
 */
function prepareCase(name, run, read) {
  if (device === "wasm") {
    prepare(name, async () => read(run()));
    return;
  }
  let results = [];
  const finish = async () => {
    await blockUntilReady(results);
    for (const result of results) result.dispose();
    results = [];
  };
  prepare(name, () => results.push(run()), finish);
}

serve({
  block,
  calls,
  async startMatmul(name, factors) {
    const [a, b] = factors.map(arrayOf);
    const multiply = jit(np.matmul);
    const run = () => multiply(a.ref, b.ref);
    const read = async (product) => {
      await product.blockUntilReady();
      product.dispose();
    };
    prepareCase(name, run, read);
    return { data: await run().data() };
  },
  async startTraining(name, { parameters, x, y, classes, rate }, steps) {
    let p = Object.fromEntries(Object.entries(parameters).map(([path, value]) => [path, arrayOf(value)]));
    const input = arrayOf(x);
    const wanted = arrayOf({ data: oneHot(y.data, classes), shape: [...y.shape, classes] });
    const loss = (q, from, to) => np.mean(np.sum(nn.logSoftmax(MODELS[name](q, from), -1).mul(to), -1)).mul(-1);
    const update = jit((q, from, to) => {
      const [value, gradients] = valueAndGrad(loss)(tree.ref(q), from, to);
      return [tree.map((weight, gradient) => weight.sub(gradient.mul(rate)), q, gradients), value];
    });
    const step = () => {
      const [next, value] = update(p, input.ref, wanted.ref);
      p = next;
      return value;
    };
    const losses = [];
    for (let i = 0; i < steps; i++) losses.push(await step().jsAsync());
    prepareCase(name, step, (value) => value.jsAsync());
    return losses;
  },
});
