// Running statistics of a set of values, their merging, and the row of ops/stats.py made from them. A part: kernels
// include it by `with running_stats`.
//
// Values are scaled by a power of two that brings the largest to about 1, so that squares neither overflow nor underflow.
// Means are relative to a common origin, so that values far from 0 keep their digits. Merging follows Chan, Golub &
// LeVeque 1979. GPUs may flush values below 2^-126 to 0 in mean, deviation and norm; minimum, maximum, zeros and dead
// units see them exactly.

const NAN = 0x7fc00000u;
const STATS_WORDS = 12u;

struct RunningStats {
  counts: vec4u,  // NaN, +∞, -∞, 0
  n: u32,         // finite
  edges: vec2u,   // order keys: ~key of the lowest, key of the highest, so that both merge by max
  moments: vec2f, // mean minus origin, and sum of squared deviations, both of the scaled values
  scale: u32,     // biased exponent of the scaling factor
  dead: u32,      // units whose values are all 0
  origin: f32,    // not scaled
}

var<workgroup> partials: array<RunningStats, 256>;

fn no_values() -> RunningStats { return RunningStats(vec4u(0u), 0u, vec2u(0u), vec2f(0.0), 253u, 0u, 0.0); }

// Unsigned integers in the order of the floats; NaN never comes here.
fn key(bits: u32) -> u32 { return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u); }
fn from_key(k: u32) -> u32 { return select(~k, k & 0x7fffffffu, k >= 0x80000000u); }
fn power(biased: u32) -> f32 { return bitcast<f32>(biased << 23u); }

// Statistics of both sets together.
fn merged(a: RunningStats, b: RunningStats) -> RunningStats {
  var s = RunningStats(
    a.counts + b.counts, a.n + b.n, max(a.edges, b.edges), a.moments, min(a.scale, b.scale), a.dead + b.dead, a.origin,
  );
  if (b.n == 0u) { s.moments = a.moments; s.scale = a.scale; return s; }
  if (a.n == 0u) { s.moments = b.moments; s.scale = b.scale; s.origin = b.origin; return s; }
  // Rescale the smaller values; below 2^-60 of the larger ones they are negligible.
  let ratio_a = select(power(127u - min(a.scale - s.scale, 60u)), 0.0, a.scale - s.scale > 60u);
  let ratio_b = select(power(127u - min(b.scale - s.scale, 60u)), 0.0, b.scale - s.scale > 60u);
  let mean = a.moments.x * ratio_a;
  let d = b.moments.x * ratio_b - mean;
  let share = f32(b.n) / f32(s.n);
  let squares = a.moments.y * ratio_a * ratio_a + b.moments.y * ratio_b * ratio_b;
  s.moments = vec2f(mean + d * share, squares + d * d * f32(a.n) * share);
  return s;
}

// Tree reduction of the slots below `end` (a power of two) to `last` slots; called by all lanes of the workgroup.
fn reduce_stats(slot: u32, end: u32, last: u32) {
  for (var half = end / 2u; half >= last; half /= 2u) {
    workgroupBarrier();
    if (slot < half) { partials[slot] = merged(partials[slot], partials[slot + half]); }
  }
  workgroupBarrier();
}

fn read_stats(at: u32) -> RunningStats {
  return RunningStats(
    vec4u(heap[at], heap[at + 1u], heap[at + 2u], heap[at + 3u]), heap[at + 4u], vec2u(heap[at + 5u], heap[at + 6u]),
    vec2f(bitcast<f32>(heap[at + 7u]), bitcast<f32>(heap[at + 8u])), heap[at + 9u], heap[at + 10u], bitcast<f32>(heap[at + 11u]),
  );
}

fn write_stats(at: u32, s: RunningStats) {
  for (var k = 0u; k < 4u; k++) { heap[at + k] = s.counts[k]; }
  heap[at + 4u] = s.n;
  heap[at + 5u] = s.edges.x;
  heap[at + 6u] = s.edges.y;
  heap[at + 7u] = bitcast<u32>(s.moments.x);
  heap[at + 8u] = bitcast<u32>(s.moments.y);
  heap[at + 9u] = s.scale;
  heap[at + 10u] = s.dead;
  heap[at + 11u] = bitcast<u32>(s.origin);
}

// Each number of the row is a pair of floats: their sum.
fn put(at: u32, high: f32, low: f32) {
  heap[at] = bitcast<u32>(high);
  heap[at + 1u] = bitcast<u32>(low);
}
fn put_count(at: u32, n: u32) { put(at, f32(n & ~4095u), f32(n & 4095u)); }
fn put_bits(at: u32, bits: u32) {
  heap[at] = bits;
  heap[at + 1u] = 0u;
}

// Writes the row at a word; without units, the count of dead ones is NaN.
fn write_row(row: u32, s: RunningStats, size: u32, units: bool) {
  put_count(row, size);
  for (var k = 0u; k < 4u; k++) { put_count(row + 2u + 2u * k, s.counts[k]); }
  if (units) { put_count(row + 20u, s.dead); } else { put_bits(row + 20u, NAN); }
  if (s.n == 0u) {
    for (var at = row + 10u; at < row + 20u; at += 2u) { put_bits(at, NAN); }
    return;
  }
  let n = f32(s.n);
  let back = power(254u - s.scale);
  put_bits(row + 10u, from_key(~s.edges.x));
  put_bits(row + 12u, from_key(s.edges.y));
  let mean = s.moments.x + s.origin * power(s.scale);
  put(row + 14u, mean * back, 0.0);
  put(row + 16u, sqrt(s.moments.y / n) * back, 0.0);
  let norm = sqrt(s.moments.y + n * mean * mean);
  // A norm beyond float32 still fits into a pair of floats.
  let half = norm * 0.5 * back;
  if (s.scale < 127u) { put(row + 18u, half, half); } else { put(row + 18u, norm * back, 0.0); }
}
