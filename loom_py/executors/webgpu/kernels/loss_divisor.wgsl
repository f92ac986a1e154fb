// Divisor of losses over labels: the number of rows that count, or the sum of their classes' weights; 1 if that is 0, NaN
// if a label is invalid. One workgroup.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, labels: u32, weights: u32, rows: u32, classes: u32, ignored: i32 }

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override weighted: bool;
override ignores: bool; // whether rows with one label are ignored

const STRETCH = 4096u;

// Weight of a row.
fn weight_of(row: u32) -> f32 {
  let label = bitcast<i32>(heap[p.labels + row]);
  if (ignores && label == p.ignored) { return 0.0; }
  var nan_bits = 0x7fc00000u; // a variable, since WGSL has no constant that is NaN
  if (label < 0 || label >= i32(p.classes)) { return bitcast<f32>(nan_bits); }
  if (weighted) { return bitcast<f32>(heap[p.weights + u32(label)]); }
  return 1.0;
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  var weights = 0.0;
  for (var stretch = lane; stretch < p.rows; stretch += STRETCH) { // sums of sums, so that equal weights round the same way
    var some = 0.0;
    for (var row = stretch; row < min(stretch - lane + STRETCH, p.rows); row += LANES) { some += weight_of(row); }
    weights += some;
  }
  weights = sum(weights, lane, lane_group(place, LANES, 1u));
  if (bitcast<u32>(weights) == 0u) { weights = 1.0; }
  if (lane == 0u) { heap[p.out] = bitcast<u32>(weights); }
}
