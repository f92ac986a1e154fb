// Merges means and squared deviations of parts (Chan, Golub & LeVeque 1979).
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  parts: u32, mean: u32, second: u32, eps: f32, // `parts`: (count, 2, results), mean before squares
  elements: u32, part: u32, count: u32, results: u32, along: u32,
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override root: bool; // whether to store 1/√(variance + eps) instead of the variance

fn weight(part: u32) -> f32 { return f32(min((part + 1u) * p.part, p.elements) - part * p.part); }
fn mean_of(part: u32, result: u32) -> f32 { return bitcast<f32>(heap[p.parts + 2u * part * p.results + result]); }
fn squares_of(part: u32, result: u32) -> f32 {
  return bitcast<f32>(heap[p.parts + (2u * part + 1u) * p.results + result]);
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let across = LANES / p.along;
  let mine = lane / across;
  let lanes = lane_group(place, p.along, across);
  let result = number_of(place) * across + lane % across;
  let last = select(0u, p.count, result < p.results);
  let n = f32(p.elements);
  var own = 0.0;
  for (var i = mine; i < last; i += p.along) { own += mean_of(i, result) * (weight(i) / n); }
  let mean = sum(own, lane, lanes);
  var squares = 0.0;
  for (var i = mine; i < last; i += p.along) {
    let d = mean_of(i, result) - mean;
    squares += squares_of(i, result) + weight(i) * d * d;
  }
  let variance = sum(squares, lane, lanes) / n;
  if (mine == 0u && result < p.results) {
    heap[p.mean + result] = bitcast<u32>(mean);
    let beyond = root && (bitcast<u32>(variance) & 0x7fffffffu) >= 0x7f800000u; // float32's range
    let second = bitcast<u32>(select(variance, 1.0 / sqrt(variance + p.eps), root));
    heap[p.second + result] = select(second, 0x7fc00000u, beyond);
  }
}
