// Scores of a block of attention's rows to weights, in place: exp((score - largest)/τ) / Σ over what a row sees. Forward the
// rows' largest scores and sums are found and noted; backward they are read, and gradients of the weights become those of
// the scores: W·(dW - Σ W·dW)/τ. `along` lanes share a row.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  scores: u32, changes: u32, statistics: u32, mask: u32,
  inverse: f32, // 1/τ
  rows: u32, length: u32, along: u32,
  first: u32,   // row of all rows that the block begins with
  of_head: u32, // rows of a head
  of_batch: u32, // rows of an entry of the batch
}

override masked: bool;
override causal: bool;
override gradient: bool;

const LOWEST = 0x007fffffu; // -∞ as a key
const NAN = 0x7fc00000u;
const INFINITY = 0x7f800000u;

var<workgroup> tops: array<u32, 256>;
var<workgroup> sums: array<f32, 256>;

// Unsigned numbers in the order of the floats, NaN above all.
fn key(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > INFINITY) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
fn from_key(k: u32) -> f32 { return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u)); }

fn hidden(mask: u32, i: u32, time: u32) -> bool {
  if (causal && i > time) { return true; }
  return masked && (heap[mask + i] & 0x7fffffffu) == 0u;
}

fn exponential(at: u32, top: f32) -> f32 { return exp(max((bitcast<f32>(heap[at]) - top) * p.inverse, -104.0)); }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let begin = (group.y * groups.x + group.x) * (256u / p.along);
  if (begin >= p.rows) { return; }
  let row = begin + lane / p.along;
  let mine = lane % p.along;
  let last = select(0u, p.length, row < p.rows);
  let scores = p.scores + row * p.length;
  let whole = p.first + min(row, p.rows - 1u);
  let time = whole % p.of_head % p.length;
  let mask = p.mask + whole / p.of_batch * p.length;
  let noted = p.statistics + 2u * whole;

  var bits_of_top = heap[noted];
  var bits_of_total = heap[noted + 1u];
  if (!gradient) {
    var highest = LOWEST;
    for (var i = mine; i < last; i += p.along) {
      if (!hidden(mask, i, time)) { highest = max(highest, key(heap[scores + i])); }
    }
    tops[lane] = highest;
    for (var half = p.along / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (mine < half) { tops[lane] = max(tops[lane], tops[lane + half]); }
    }
    workgroupBarrier();
    highest = tops[lane - mine];
    let nothing = highest == LOWEST && (masked || causal);
    let bad = highest >= 0xff800000u || (highest == LOWEST && !nothing); // NaN or +∞, or -∞ alone
    let top = select(from_key(highest), 0.0, bad || nothing);
    var sum = 0.0;
    for (var i = mine; i < last; i += p.along) {
      if (!hidden(mask, i, time)) { sum += exponential(scores + i, top); }
    }
    sums[lane] = sum;
    for (var half = p.along / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (mine < half) { sums[lane] += sums[lane + half]; }
    }
    workgroupBarrier();
    bits_of_top = select(bitcast<u32>(top), NAN, bad);
    bits_of_total = select(select(bitcast<u32>(sums[lane - mine]), INFINITY, nothing), NAN, bad);
    if (mine == 0u && row < p.rows) {
      heap[noted] = bits_of_top;
      heap[noted + 1u] = bits_of_total;
    }
  }

  let bad = bits_of_total > INFINITY;
  let top = bitcast<f32>(bits_of_top);
  let scale = select(1.0 / bitcast<f32>(bits_of_total), 0.0, bits_of_total == INFINITY);
  var sum = 0.0;
  for (var i = mine; i < last; i += p.along) {
    var bits = select(0u, NAN, bad);
    if (!bad && !hidden(mask, i, time)) { bits = bitcast<u32>(exponential(scores + i, top) * scale); }
    heap[scores + i] = bits;
    if (gradient) { sum += bitcast<f32>(bits) * bitcast<f32>(heap[p.changes + row * p.length + i]); }
  }
  if (!gradient) { return; }
  sums[lane] = sum;
  for (var half = p.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (mine < half) { sums[lane] += sums[lane + half]; }
  }
  workgroupBarrier();
  sum = sums[lane - mine];
  for (var i = mine; i < last; i += p.along) {
    let at = p.changes + row * p.length + i;
    heap[at] = bitcast<u32>((bitcast<f32>(heap[at]) - sum) * bitcast<f32>(heap[scores + i]) * p.inverse);
  }
}
