// The page of the bench: opens the workers, gives all the same numbers, compares what they answer, times them in turn.

const PATIENCE_MS = 600_000;
const SLOW_EVERY = 4;
const FIRST = 10;

const workers = new Map();

function open(worker, [file, name]) {
  const made = new Worker(`/bench/page/${file}`, { type: "module", name });
  const waiting = new Map();
  let last = 0;
  const receive = (id) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${worker}: no answer`)), PATIENCE_MS);
      waiting.set(id, { resolve, reject, late });
    });
  made.addEventListener("message", ({ data: { id, value, error } }) => {
    const { resolve, reject, late } = waiting.get(id);
    clearTimeout(late);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  made.addEventListener("error", (event) => {
    for (const { reject } of waiting.values()) reject(new Error(`${worker}: ${event.message}`));
  });
  workers.set(worker, (call, ...args) => {
    const answer = receive(++last);
    made.postMessage({ id: last, call, args });
    return answer;
  });
  return receive(0);
}

const workerOf = (system) => workers.get(system) ?? workers.get("loom");
const isOurs = (system) => system.startsWith("loom-") || !workers.has(system);
/** So many runs are looked at when calls are counted. */
const COUNTED = 4;

/** Largest difference as a share of the largest magnitude. */
function distance(found, wanted) {
  let [difference, size] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs(found[i] - wanted[i]));
    size = Math.max(size, Math.abs(wanted[i]));
  }
  return found.length === wanted.length && !Number.isNaN(difference) ? difference / size : Number.NaN;
}

/** Starts an entry; gives its loss after the first steps, or why it can't take part. */
async function start(entry, shared) {
  const { name, system, extents } = entry;
  const worker = workerOf(system);
  const ours = isOurs(system);
  if (extents) {
    const given = ours ? [name, system, extents] : [name, shared.factors];
    const result = await worker("startMatmul", ...given);
    if (result === null) return {};
    shared.wanted ??= result.data;
    return { error: distance(result.data, shared.wanted) };
  }
  const losses = ours
    ? await worker("startTraining", name, system)
    : await worker("startTraining", name, shared.material, FIRST);
  shared.wanted ??= losses;
  const errors = losses.map((loss, step) => Math.abs(loss / shared.wanted[step] - 1));
  return { loss: losses.at(-1), error: Math.max(...errors) };
}

async function timed({ name, system }, count) {
  return workerOf(system)("block", name, count, system);
}

globalThis.bench = {
  open,

  /** Starts all entries of a group; those that fail or answer otherwise than the first are out. */
  async prepare({ entries, tolerance, reference }) {
    const [first] = entries;
    const shared = first.extents
      ? { factors: await workers.get("loom")("factors", first.extents) }
      : { material: await workers.get("loom")("material", first.model) };
    if (reference) await start({ ...first, system: reference }, shared);
    const found = [];
    for (const entry of entries) {
      let state;
      try {
        state = await start(entry, shared);
        if (state.error !== undefined && !(state.error <= tolerance)) {
          state.failure = `differs from ${reference ?? first.system} by ${state.error.toExponential(1)}, allowed ${tolerance}`;
        }
      } catch (error) {
        state = { failure: error.message, absent: !isOurs(entry.system) };
      }
      found.push({ ...entry, ...state });
    }
    return found;
  },

  /** Milliseconds of a run in each round, entry by entry; all take turns. */
  async measure(entries, pace) {
    const counts = [];
    const times = entries.map(() => []);
    for (const entry of entries) {
      const once = await timed(entry, pace.least);
      counts.push(Math.max(pace.least, Math.round(pace.block / (once > 1 ? once : await timed(entry, 20)))));
    }
    const end = performance.now() + pace.group;
    for (let round = 0; round < pace.most && (round < pace.fewest || performance.now() < end); round++) {
      for (const [index, entry] of entries.entries()) {
        if (times[index][0] > pace.slow && round % SLOW_EVERY) continue;
        times[index].push(await timed(entry, counts[index]));
      }
    }
    return times;
  },

  /** WebGPU calls of a run of each entry. */
  async calls(entries) {
    const found = [];
    for (const { name, system } of entries) found.push(await workerOf(system)("calls", name, COUNTED, system));
    return found;
  },

  adapter: () => workers.get("loom-webgpu")?.("adapter"),
  uncovered: () => workers.get("loom")("uncovered"),
};
