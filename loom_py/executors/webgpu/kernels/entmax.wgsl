// α-entmax over rows without sorting: with z = (α-1)(x - max)/τ, y = max(0, z - t)^(1/(α-1)) where t makes y sum to 1.
// t is found by Newton's method from its lower bound, -1:
//   α = 2     on Σ max(0, z - t) = 1: piecewise linear, so that the method ends exactly after a few steps;
//   α = 1.5   on √Σ max(0, z - t)² = 1: nearly linear, so that few steps suffice.
// Both sums are convex, so that t only rises towards the solution. `along` lanes share a row; y may share memory with x.
// with workgroup_reduce
// with float_order

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, x: u32, scale: f32, rows: u32, width: u32, along: u32 }

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override square: bool; // α = 1.5

const STEPS = 64u; // never reached: with α = 2 each step at least quarters the error

var<workgroup> moved: atomic<u32>; // number of steps until no row's t rises
var<workgroup> goes_on: u32;

// max(0, z - t); values below -2, -∞ included, are always 0.
fn above(i: u32, top: f32, t: f32) -> f32 {
  return max(max((bitcast<f32>(heap[p.x + i]) - top) * p.scale, -2.0) - t, 0.0);
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let first = number_of(place) * (LANES / p.along);
  if (first >= p.rows) { return; }
  let row = first + lane / p.along;
  let mine = lane % p.along;
  let lanes = lane_group(place, p.along, 1u);
  let begin = row * p.width;
  let end = begin + select(0u, p.width, row < p.rows);

  var top_key = MINUS_INFINITY;
  for (var i = begin + mine; i < end; i += p.along) { top_key = max(top_key, key(heap[p.x + i])); }
  top_key = maximum(top_key, lane, lanes);
  let bad = top_key >= INFINITY || top_key == MINUS_INFINITY;
  let top = select(from_key(top_key), 0.0, bad);

  var t = -1.0;
  var done = false;
  for (var step = 0u; step < STEPS; step++) {
    var sums = vec2f(0.0); // α = 2: Σ and how many; α = 1.5: Σ and Σ of squares
    for (var i = begin + mine; i < end; i += p.along) {
      let d = above(i, top, t);
      sums += vec2f(d, select(select(0.0, 1.0, d > 0.0), d * d, square));
    }
    sums = sum2(sums, lane, lanes);
    let root = sqrt(sums.y);
    let next = t + select((sums.x - 1.0) / sums.y, (root - 1.0) * root / sums.x, square);
    if (!bad && !done && row < p.rows) {
      // A step that does not rise only corrects rounding: far below 1, t has more digits than at first.
      done = next <= t;
      t = next;
      if (!done) { atomicStore(&moved, step + 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) { goes_on = select(0u, 1u, atomicLoad(&moved) > step); }
    if (workgroupUniformLoad(&goes_on) == 0u) { break; }
  }
  for (var i = begin + mine; i < end; i += p.along) {
    let d = above(i, top, t);
    heap[p.out + i] = select(bitcast<u32>(select(d, d * d, square)), NAN, bad);
  }
}
