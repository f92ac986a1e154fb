// A row of statistics (ops/stats.py) of a flat array, one range of it for each workgroup. All values of a range are
// scaled by a power of two that brings its largest to about 1, so that neither their squares overflow nor vanish; the
// variance is taken from deviations, and ranges are merged as Chan, Golub & LeVeque 1979 do. NaN and infinities are
// told by their bits, counted and left out. Values below 2^-126 may count as 0 in mean, deviation and norm, as GPUs flush
// them; minimum, maximum, zeros and dead units see them as they are.
// with meet

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, parts: u32,
  size: u32, part: u32, count: u32,                     // values, of each range, ranges
  flags: u32, before: u32, units: u32, after: u32,      // without units there are none to be dead
}

override stage: u32; // 0 a range each, into `parts`; 1 from `parts` (and one flag per unit) to the row; 2 both at once

const NAN = 0x7fc00000u;
const PART_WORDS = 10u;

struct Seen {
  counts: vec4u,  // NaN, +∞, -∞, 0
  n: u32,         // finite
  edges: vec2u,   // keys of the lowest (inverted) and of the highest: both grow
  moments: vec2f, // mean and sum of squared deviations of the scaled values
  scale: u32,     // biased exponent of the power of two they are scaled by
}

var<workgroup> alive: array<atomic<u32>, 256>;

// Unsigned numbers in the order of the floats.
fn key(bits: u32) -> u32 { return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u); }
fn from_key(k: u32) -> u32 { return select(~k, k & 0x7fffffffu, k >= 0x80000000u); }
fn power(biased: u32) -> f32 { return bitcast<f32>(biased << 23u); }

// The exponent that brings the largest of these edges between 1 and 2, as far as powers of two reach.
fn scale_of(edges: vec2u) -> u32 {
  let largest = max(from_key(~edges.x) & 0x7fffffffu, from_key(edges.y) & 0x7fffffffu);
  return clamp(254u - (largest >> 23u), 1u, 253u);
}

fn measured(range: u32, lane: u32, all: Team) -> Seen {
  var s = Seen(vec4u(0u), 0u, vec2u(0u), vec2f(0.0), 253u);
  let begin = range * p.part;
  let end = min(begin + p.part, p.size);
  // Sums that can't overflow, of values from 1 on and of those below.
  var sums = vec2f(0.0);
  for (var i = begin + lane; i < end; i += 256u) {
    let bits = heap[p.x + i];
    let size = bits & 0x7fffffffu;
    if (size >= 0x7f800000u) {
      let infinite = size == 0x7f800000u;
      let negative = bits >= 0x80000000u;
      s.counts += select(vec4u(0u), vec4u(1u), vec4<bool>(!infinite, infinite && !negative, infinite && negative, false));
    } else {
      s.counts.w += select(0u, 1u, size == 0u);
      s.edges = max(s.edges, vec2u(~key(bits), key(bits)));
      let v = bitcast<f32>(bits);
      if (size >= 0x3f800000u) { sums.x += v * 0x1p-32f; } else { sums.y += v * 0x1p32f; }
    }
  }
  s.counts = count4(s.counts, lane, all);
  s.n = end - min(begin, end) - s.counts.x - s.counts.y - s.counts.z;
  s.edges = highest2(s.edges, lane, all);
  sums = sum2(sums, lane, all);
  let nothing = s.n == 0u;
  s.scale = select(scale_of(s.edges), 253u, nothing);
  let n = f32(max(s.n, 1u));
  let factor = power(s.scale);
  let centre = (sums.x / n) * factor * 0x1p32f + (sums.y / n) * factor * 0x1p-32f;
  var deviations = vec2f(0.0);
  for (var i = begin + lane; i < end; i += 256u) {
    let bits = heap[p.x + i];
    if ((bits & 0x7fffffffu) < 0x7f800000u) {
      let d = bitcast<f32>(bits) * factor - centre;
      deviations += vec2f(d, d * d);
    }
  }
  deviations = sum2(deviations, lane, all);
  let shift = deviations.x / n;
  s.moments = vec2f(centre + shift, max(deviations.y - deviations.x * shift, 0.0));
  return s;
}

// Two groups of values made one.
fn joined(a: Seen, b: Seen) -> Seen {
  var s = Seen(a.counts + b.counts, a.n + b.n, max(a.edges, b.edges), a.moments, min(a.scale, b.scale));
  if (b.n == 0u) { s.moments = a.moments; s.scale = a.scale; return s; }
  if (a.n == 0u) { s.moments = b.moments; s.scale = b.scale; return s; }
  // The smaller values are scaled anew; 2^-60 of the larger they do not matter.
  let ratio_a = select(power(127u - min(a.scale - s.scale, 60u)), 0.0, a.scale - s.scale > 60u);
  let ratio_b = select(power(127u - min(b.scale - s.scale, 60u)), 0.0, b.scale - s.scale > 60u);
  let mean = a.moments.x * ratio_a;
  let d = b.moments.x * ratio_b - mean;
  let share = f32(b.n) / f32(s.n);
  let squares = a.moments.y * ratio_a * ratio_a + b.moments.y * ratio_b * ratio_b;
  s.moments = vec2f(mean + d * share, squares + d * d * f32(a.n) * share);
  return s;
}

fn read_part(i: u32) -> Seen {
  let at = p.parts + i * PART_WORDS;
  return Seen(
    vec4u(heap[at], heap[at + 1u], heap[at + 2u], heap[at + 3u]), heap[at + 4u], vec2u(heap[at + 5u], heap[at + 6u]),
    vec2f(bitcast<f32>(heap[at + 7u]), bitcast<f32>(heap[at + 8u])), heap[at + 9u],
  );
}

fn write_part(i: u32, s: Seen) {
  let at = p.parts + i * PART_WORDS;
  for (var k = 0u; k < 4u; k++) { heap[at + k] = s.counts[k]; }
  heap[at + 4u] = s.n;
  heap[at + 5u] = s.edges.x;
  heap[at + 6u] = s.edges.y;
  heap[at + 7u] = bitcast<u32>(s.moments.x);
  heap[at + 8u] = bitcast<u32>(s.moments.y);
  heap[at + 9u] = s.scale;
}

// The whole from the parts, pair by pair in memory, which keeps the order fixed; valid in lane 0.
fn merged(lane: u32) -> Seen {
  for (var step = 1u; step < p.count; step *= 2u) {
    for (var i = lane * 2u * step; i + step < p.count; i += 512u * step) {
      write_part(i, joined(read_part(i), read_part(i + step)));
    }
    storageBarrier();
  }
  return read_part(0u);
}

// Units that are 0 everywhere, by flags of those that are not …
fn dead_by_flags(lane: u32, all: Team) -> u32 {
  var dead = 0u;
  for (var u = lane; u < p.units; u += 256u) { dead += select(0u, 1u, heap[p.flags + u] == 0u); }
  return count(dead, lane, all);
}

// … or by looking: several lanes for a unit, as long as they find nothing but 0.
fn dead_by_sight(lane: u32, all: Team) -> u32 {
  var across = 256u;
  while (across / 2u >= p.units) { across /= 2u; }
  var dead = 0u;
  let column = lane % across;
  for (var tile = 0u; tile < p.units; tile += across) {
    workgroupBarrier();
    atomicStore(&alive[lane], 0u);
    workgroupBarrier();
    let unit = tile + column;
    let each = select(0u, p.before * p.after, unit < p.units);
    for (var e = lane / across; e < each; e += 256u / across) {
      let at = (e / p.after) * p.units * p.after + unit * p.after + e % p.after;
      if ((heap[p.x + at] & 0x7fffffffu) != 0u) {
        atomicStore(&alive[column], 1u);
        break;
      }
    }
    workgroupBarrier();
    if (lane < across && unit < p.units) { dead += 1u - atomicLoad(&alive[column]); }
  }
  return count(dead, lane, all);
}

// Numbers of the row are pairs of floats whose sum they are.
fn put(place: u32, high: f32, low: f32) {
  heap[p.out + 2u * place] = bitcast<u32>(high);
  heap[p.out + 2u * place + 1u] = bitcast<u32>(low);
}
fn put_count(place: u32, n: u32) { put(place, f32(n & ~4095u), f32(n & 4095u)); }
fn put_bits(place: u32, bits: u32) {
  heap[p.out + 2u * place] = bits;
  heap[p.out + 2u * place + 1u] = 0u;
}

fn write_row(s: Seen, dead: u32) {
  put_count(0u, p.size);
  for (var k = 0u; k < 4u; k++) { put_count(1u + k, s.counts[k]); }
  if (p.units > 0u && p.size > 0u) { put_count(10u, dead); } else { put_bits(10u, NAN); }
  if (s.n == 0u) {
    for (var place = 5u; place < 10u; place++) { put_bits(place, NAN); }
    return;
  }
  let n = f32(s.n);
  let back = power(254u - s.scale);
  put_bits(5u, from_key(~s.edges.x));
  put_bits(6u, from_key(s.edges.y));
  put(7u, s.moments.x * back, 0.0);
  put(8u, sqrt(s.moments.y / n) * back, 0.0);
  let norm = sqrt(s.moments.y + n * s.moments.x * s.moments.x);
  // The norm of the largest numbers fits into a pair where it does not into one.
  if (s.scale < 127u) { put(9u, norm * 0.5 * back, norm * 0.5 * back); } else { put(9u, norm * back, 0.0); }
}

@compute @workgroup_size(256)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let range = number_of(place);
  let all = team(place, 256u, 1u);
  if (stage == 1u) {
    let dead = dead_by_flags(lane, all);
    let s = merged(lane);
    if (lane == 0u) { write_row(s, dead); }
    return;
  }
  if (range >= p.count) { return; }
  let s = measured(range, lane, all);
  if (stage == 0u) {
    if (lane == 0u) { write_part(range, s); }
    return;
  }
  var dead = 0u;
  if (p.units > 0u) { dead = dead_by_sight(lane, all); }
  if (lane == 0u) { write_row(s, dead); }
}
