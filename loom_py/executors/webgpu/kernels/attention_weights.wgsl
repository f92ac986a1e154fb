// Scores of a block of attention's rows to weights, in place: exp((score - largest)/τ) / Σ over the keys that a row sees.
// Forward computes and stores each row's largest score and sum. Backward reads them, and turns gradients of the weights
// into those of the scores: W·(dW - Σ W·dW)/τ. `along` lanes share a row.
// with workgroup_reduce
// with float_order

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  scores: u32, changes: u32, statistics: u32, mask: u32,
  inverse: f32, // 1/τ
  rows: u32, length: u32, along: u32,
  first: u32,   // number of the block's first row among all rows
  of_head: u32, // rows of a head
  of_batch: u32, // rows of a sample
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override masked: bool;
override causal: bool;
override gradient: bool;

const INFINITE = 0x7f800000u; // as bits

fn hidden(mask: u32, i: u32, time: u32) -> bool {
  if (causal && i > time) { return true; }
  return masked && (heap[mask + i] & 0x7fffffffu) == 0u;
}

fn exponential(at: u32, top: f32) -> f32 { return exp(max((bitcast<f32>(heap[at]) - top) * p.inverse, -104.0)); }

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let begin = number_of(place) * (LANES / p.along);
  if (begin >= p.rows) { return; }
  let row = begin + lane / p.along;
  let mine = lane % p.along;
  let lanes = lane_group(place, p.along, 1u);
  let last = select(0u, p.length, row < p.rows);
  let scores = p.scores + row * p.length;
  let changes = p.changes + row * p.length;
  let whole = p.first + min(row, p.rows - 1u);
  let time = whole % p.of_head % p.length;
  let mask = p.mask + whole / p.of_batch * p.length;
  let noted = p.statistics + 2u * whole;

  var top = heap[noted];
  var total = heap[noted + 1u];
  if (!gradient) {
    var largest = MINUS_INFINITY;
    for (var i = mine; i < last; i += p.along) {
      if (!hidden(mask, i, time)) { largest = max(largest, key(heap[scores + i])); }
    }
    largest = maximum(largest, lane, lanes);
    let nothing = largest == MINUS_INFINITY && (masked || causal);
    let bad = largest >= INFINITY || (largest == MINUS_INFINITY && !nothing); // NaN or +∞, or -∞ alone
    let shift = select(from_key(largest), 0.0, bad || nothing);
    var powers = 0.0;
    for (var i = mine; i < last; i += p.along) {
      if (!hidden(mask, i, time)) { powers += exponential(scores + i, shift); }
    }
    powers = sum(powers, lane, lanes);
    top = select(bitcast<u32>(shift), NAN, bad);
    total = select(select(bitcast<u32>(powers), INFINITE, nothing), NAN, bad);
    if (mine == 0u && row < p.rows) {
      heap[noted] = top;
      heap[noted + 1u] = total;
    }
  }

  let bad = total > INFINITE;
  let scale = select(1.0 / bitcast<f32>(total), 0.0, total == INFINITE);
  var dots = 0.0;
  for (var i = mine; i < last; i += p.along) {
    var bits = select(0u, NAN, bad);
    if (!bad && !hidden(mask, i, time)) { bits = bitcast<u32>(exponential(scores + i, bitcast<f32>(top)) * scale); }
    heap[scores + i] = bits;
    if (gradient) { dots += bitcast<f32>(bits) * bitcast<f32>(heap[changes + i]); }
  }
  if (!gradient) { return; }
  dots = sum(dots, lane, lanes);
  for (var i = mine; i < last; i += p.along) {
    let change = (bitcast<f32>(heap[changes + i]) - dots) * bitcast<f32>(heap[scores + i]) * p.inverse;
    heap[changes + i] = bitcast<u32>(change);
  }
}
