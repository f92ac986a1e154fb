// TensorFlow.js: on its WASM backend with SIMD and as many threads as the worker's name says, or on WebGPU.
//
// Dense layers take the fused product, as TensorFlow.js's own layers do. Input and target stay on the device. On WebGPU
// only the last result of a block is read.

import { block, calls, oneHot, prepare, serve } from "./serve.mjs";

const tf = await import("/built/tfjs.js");
const gpu = name === "webgpu";
if (gpu) {
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js got no WebGPU device");
} else {
  const threads = Number(name);
  tf.wasm.setWasmPaths(`${location.origin}/tfjs-wasm/`);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
  if (threads > 1) tf.wasm.setThreadsCount(threads);
  await tf.setBackend("wasm");
}

/** Remembers a case: on WASM every result is there at once, on WebGPU the last of a block is waited for. */
function prepareCase(name, run, read) {
  if (!gpu) {
    prepare(name, () => {
      const result = run();
      read?.(result);
      result.dispose();
    });
    return;
  }
  let last;
  const next = () => {
    last?.dispose();
    last = run();
  };
  prepare(name, next, () => last.data());
}

const tensorOf = ({ data, shape }) => tf.tensor(data, shape, "float32");

function dense(p, path, x, activation = "linear", prefix = "") {
  const [weight, bias] = [p[`${path}.${prefix}weight`], p[`${path}.${prefix}bias`]];
  if (x.rank === 2) return tf.fused.matMul({ a: x, b: weight, bias, activation });
  const rows = tf.fused.matMul({ a: tf.reshape(x, [-1, weight.shape[0]]), b: weight, bias, activation });
  return tf.reshape(rows, [...x.shape.slice(0, -1), weight.shape[1]]);
}

const mlp = (p, x) => dense(p, "2", dense(p, "1", dense(p, "0", x, "relu"), "relu"));

function cnn(p, x) {
  const convolve = (path, from) => {
    const filter = tf.transpose(p[`${path}.weight`], [2, 3, 1, 0]);
    const y = tf.fused.conv2d({
      x: from,
      filter,
      strides: 1,
      pad: "same",
      bias: p[`${path}.bias`],
      activation: "relu",
    });
    return tf.maxPool(y, 2, 2, "valid");
  };
  const maps = convolve("2", convolve("0", tf.transpose(x, [0, 2, 3, 1])));
  return dense(p, "5", tf.reshape(tf.transpose(maps, [0, 3, 1, 2]), [x.shape[0], -1]));
}

function lstm(p, x) {
  const [batch, time, channels] = x.shape;
  const width = p["0.weight_hh"].shape[0];
  const rows = tf.reshape(x, [-1, channels]);
  const into = tf.fused.matMul({ a: rows, b: p["0.weight_ih"], bias: p["0.bias"] });
  let h;
  let c;
  for (const step of tf.unstack(tf.reshape(into, [batch, time, 4 * width]), 1)) {
    const z = h ? tf.add(step, tf.matMul(h, p["0.weight_hh"])) : step;
    const [i, f, g, o] = tf.split(z, 4, 1);
    const fresh = tf.mul(tf.sigmoid(i), tf.tanh(g));
    c = c ? tf.add(tf.mul(tf.sigmoid(f), c), fresh) : fresh;
    h = tf.mul(tf.sigmoid(o), tf.tanh(c));
  }
  return dense(p, "1", h);
}

function norm(p, path, x) {
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(normal, p[`${path}.weight`]), p[`${path}.bias`]);
}

const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

function attention(p, path, x, mask) {
  const [batch, time, width] = x.shape;
  const heads = 4;
  const part = (prefix) => {
    const rows = tf.reshape(dense(p, path, x, "linear", prefix), [batch, time, heads, width / heads]);
    return tf.transpose(rows, [0, 2, 1, 3]);
  };
  const scores = tf.mul(tf.matMul(part("query_"), part("key_"), false, true), 1 / Math.sqrt(width / heads));
  const seen = tf.matMul(tf.softmax(tf.add(scores, mask)), part("value_"));
  return dense(p, path, tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [batch, time, width]), "linear", "output_");
}

function transformer(p, input, { mask }) {
  let x = input;
  for (const block of [0, 2]) {
    x = tf.add(x, attention(p, `${block}.layers.1`, norm(p, `${block}.layers.0`, x), mask));
    const inner = gelu(dense(p, `${block + 1}.layers.1`, norm(p, `${block + 1}.layers.0`, x)));
    x = tf.add(x, dense(p, `${block + 1}.layers.2`, inner));
  }
  return dense(p, "5", norm(p, "4", x));
}

const MODELS = { "mlp-128": mlp, "mlp-32": mlp, "cnn-digits": cnn, lstm, transformer };

/** -1e9 above the diagonal: what comes later is not seen. */
function causalMask(time) {
  const seen = Array.from({ length: time * time }, (_, at) => (at % time > Math.floor(at / time) ? -1e9 : 0));
  return tf.tensor2d(seen, [time, time]);
}

serve({
  block,
  calls,
  async startMatmul(name, factors) {
    const [a, b] = factors.map(tensorOf);
    prepareCase(name, () => tf.matMul(a, b));
    const product = tf.matMul(a, b);
    const data = await product.data();
    product.dispose();
    return { data };
  },
  async startTraining(name, { parameters, x, y, classes, rate }, steps) {
    const variables = Object.entries(parameters).map(([path, value]) => [path, tf.variable(tensorOf(value))]);
    const p = Object.fromEntries(variables);
    const input = tensorOf(x);
    const wanted = tensorOf({ data: oneHot(y.data, classes), shape: [...y.shape, classes] });
    const fixed = name === "transformer" ? { mask: causalMask(x.shape[1]) } : {};
    const optimizer = tf.train.sgd(rate);
    const trained = variables.map(([, variable]) => variable);
    const loss = () => {
      const right = tf.mul(tf.logSoftmax(MODELS[name](p, input, fixed)), wanted);
      return tf.neg(tf.mean(tf.sum(right, -1)));
    };
    const step = () => optimizer.minimize(loss, true, trained);
    const losses = [];
    for (let i = 0; i < steps; i++) {
      const value = step();
      losses.push((await value.data())[0]);
      value.dispose();
    }
    prepareCase(name, step, (value) => value.dataSync());
    return losses;
  },
});
