// α-entmax over rows without sorting: with z = (α-1)(x - max)/τ, y = max(0, z - t)^(1/(α-1)) where t makes y sum to 1.
// t is found from -1, below which it can't lie, by Newton's steps:
//   α = 2     on Σ max(0, z - t) = 1: it falls in straight pieces, so that the steps end exactly, soon;
//   α = 1.5   on √Σ max(0, z - t)² = 1: nearly straight, so that a few steps do.
// Both sums are convex, so that t only rises towards the solution. `along` lanes share a row; y may lie where x is.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, x: u32, scale: f32, rows: u32, width: u32, along: u32 }

override square: bool; // α = 1.5

const NAN = 0x7fc00000u;
const MINUS_INFINITY = 0x007fffffu; // as keys
const INFINITY = 0xff800000u;
const STEPS = 64u; // never needed: each step of α = 2 quarters what is left, at least

var<workgroup> tops: array<u32, 256>;
var<workgroup> work: array<vec2f, 256>;
var<workgroup> moving: atomic<u32>;
var<workgroup> goes_on: u32;

// Unsigned numbers in the order of the floats, NaN above all.
fn key(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
fn from_key(k: u32) -> f32 { return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u)); }

// max(0, z - t); what lies below -2, -∞ too, is out at once.
fn above(i: u32, top: f32, t: f32) -> f32 {
  return max(max((bitcast<f32>(heap[p.x + i]) - top) * p.scale, -2.0) - t, 0.0);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * (256u / p.along);
  if (first >= p.rows) { return; }
  let row = first + lane / p.along;
  let mine = lane % p.along;
  let begin = row * p.width;
  let end = begin + select(0u, p.width, row < p.rows);

  var highest = MINUS_INFINITY;
  for (var i = begin + mine; i < end; i += p.along) { highest = max(highest, key(heap[p.x + i])); }
  tops[lane] = highest;
  for (var half = p.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (mine < half) { tops[lane] = max(tops[lane], tops[lane + half]); }
  }
  workgroupBarrier();
  highest = tops[lane - mine];
  let bad = highest >= INFINITY || highest == MINUS_INFINITY;
  let top = select(from_key(highest), 0.0, bad);

  var t = -1.0;
  var done = false;
  for (var step = 0u; step < STEPS; step++) {
    var sums = vec2f(0.0); // α = 2: Σ and how many; α = 1.5: Σ and Σ of squares
    for (var i = begin + mine; i < end; i += p.along) {
      let d = above(i, top, t);
      sums += vec2f(d, select(select(0.0, 1.0, d > 0.0), d * d, square));
    }
    work[lane] = sums;
    if (lane == 0u) { atomicStore(&moving, 0u); }
    for (var half = p.along / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (mine < half) { work[lane] += work[lane + half]; }
    }
    workgroupBarrier();
    sums = work[lane - mine];
    let root = sqrt(sums.y);
    let next = t + select((sums.x - 1.0) / sums.y, (root - 1.0) * root / sums.x, square);
    if (!bad && !done && row < p.rows) {
      // The step that no longer rises only takes away what rounding left: far below 1, t has more digits than at first.
      done = next <= t;
      t = next;
      if (!done) { atomicStore(&moving, 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) { goes_on = atomicLoad(&moving); }
    if (workgroupUniformLoad(&goes_on) == 0u) { break; }
  }
  for (var i = begin + mine; i < end; i += p.along) {
    let d = above(i, top, t);
    heap[p.out + i] = select(bitcast<u32>(select(d, d * d, square)), NAN, bad);
  }
}
