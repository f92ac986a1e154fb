// Means and squared deviations over axes, and normalisation where a workgroup has all elements of its results.
// Tiles as in reduction_tile.wgsl. Deviations are from the mean, which is corrected by their mean, so that the
// variance of numbers far from 0 is precise.
// with workgroup_reduce
// with reduction_tile

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  x: u32, first: u32, second: u32, eps: f32,
  results: u32, elements: u32, along: u32, part: u32, tiles: u32, groups: u32,
  k1: u32, sk0: u32, sk1: u32, r1: u32, sr0: u32, sr1: u32,
}

override stage: u32;   // 0 means and squared deviations of parts, 1 mean and variance, 2 normalised values and 1/deviation
override centre: bool; // else the mean counts as 0

fn read(at: u32) -> f32 { return bitcast<f32>(heap[p.x + at]); }

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let id = number_of(place);
  if (id >= p.groups) { return; }
  let lanes = lane_group(place, p.along, lane_step());
  let share = share_of(id, lane);
  let mine = share.mine;
  let result = share.result;
  let part = share.part;
  let n = f32(min((part + 1u) * p.part, p.elements) - part * p.part);
  let last = share.last;
  let begin = share.begin;
  let start = part * p.part + mine;
  let step = p.along;

  var mean = 0.0;
  var e = start;
  if (centre) {
    var own = 0.0;
    for (; e + 3u * step < last; e += 4u * step) {
      let ab = read(begin + element(e)) + read(begin + element(e + step));
      let cd = read(begin + element(e + 2u * step)) + read(begin + element(e + 3u * step));
      own += ab + cd;
    }
    for (; e < last; e += step) { own += read(begin + element(e)); }
    mean = sum(own, lane, lanes) / n;
  }
  var sums = vec2f(0.0); // of deviations and of their squares
  for (e = start; e + step < last; e += 2u * step) {
    let a = read(begin + element(e)) - mean;
    let b = read(begin + element(e + step)) - mean;
    sums += vec2f(a, a * a) + vec2f(b, b * b);
  }
  if (e < last) {
    let a = read(begin + element(e)) - mean;
    sums += vec2f(a, a * a);
  }
  sums = sum2(sums, lane, lanes);
  var squares = sums.y;
  if (centre) {
    mean += sums.x / n;
    squares -= sums.x * (sums.x / n);
  }

  if (stage == 2u) {
    let variance = squares / n;
    let beyond = (bitcast<u32>(variance) & 0x7fffffffu) >= 0x7f800000u; // float32's range: nothing can be normalised
    let rstd = 1.0 / sqrt(variance + p.eps);
    if (mine == 0u && result < p.results) { heap[p.second + result] = select(bitcast<u32>(rstd), 0x7fc00000u, beyond); }
    for (e = start; e < last; e += step) {
      let at = begin + element(e);
      heap[p.first + at] = select(bitcast<u32>((read(at) - mean) * rstd), 0x7fc00000u, beyond);
    }
    return;
  }
  if (mine != 0u || result >= p.results) { return; }
  if (stage == 0u) {
    heap[p.first + (2u * part) * p.results + result] = bitcast<u32>(mean);
    heap[p.first + (2u * part + 1u) * p.results + result] = bitcast<u32>(squares);
  } else {
    heap[p.first + result] = bitcast<u32>(mean);
    heap[p.second + result] = bitcast<u32>(squares / n);
  }
}
