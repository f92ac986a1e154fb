// Cross-entropy of softmax with its gradient, row by row: loss = -Σ t·log softmax(x) / n, dx = (softmax(x)·Σt - t)/n.
// Targets are labels or shares, smoothed and weighted by class. `along` lanes share a row; a workgroup takes `passes`
// rows for each of them and stores the sum of their losses. A row with NaN, +∞, only -∞ or an invalid label is NaN, since
// no number is better than a wrong one.
// with workgroup_reduce
// with float_order

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  loss: u32, dx: u32, x: u32, target_at: u32, weights: u32, divisor_at: u32, divisor: f32,
  keep: f32, spread: f32, ignored: i32, // t = (hard·keep + spread)·weight
  rows: u32, width: u32, along: u32, passes: u32, count: u32,
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override labelled: bool; // whether targets are int32 labels
override weighted: bool;
override ignores: bool;  // whether rows with one label are ignored
override divided: bool;  // whether the divisor is read from the heap

// log x of a normal x ≥ 1, within two units in the last place, unlike the built-in near 1.
fn log_of(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let up = (bits & 0x007fffffu) > 0x003504f3u; // mantissas above √2 count as below 1
  let exponent = f32(i32(bits >> 23u) - 127 + select(0, 1, up));
  let m = bitcast<f32>((bits & 0x007fffffu) | select(0x3f800000u, 0x3f000000u, up));
  let s = (m - 1.0) / (m + 1.0);
  let q = s * s;
  let series = 2.0 * (s + s * q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0)))));
  return exponent * 0.693359375 + (series - exponent * 2.12194440e-4);
}

// Target of class c of a row.
fn wanted(row: u32, label: i32, counts: bool, c: u32) -> f32 {
  if (!counts) { return 0.0; }
  var hard = select(0.0, 1.0, label == i32(c));
  if (!labelled) { hard = bitcast<f32>(heap[p.target_at + row * p.width + c]); }
  let soft = hard * p.keep + p.spread;
  if (weighted) { return soft * bitcast<f32>(heap[p.weights + c]); }
  return soft;
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let id = number_of(place);
  if (id >= p.count) { return; }
  let abreast = LANES / p.along;
  let mine = lane % p.along;
  let lanes = lane_group(place, p.along, 1u);
  var by = p.divisor;
  if (divided) { by = bitcast<f32>(heap[p.divisor_at]); }
  var nan_bits = NAN; // a variable, since WGSL has no constant that is NaN
  var losses = 0.0;
  for (var pass_number = 0u; pass_number < p.passes; pass_number++) {
    let row = (id * p.passes + pass_number) * abreast + lane / p.along;
    let inside = row < p.rows;
    let last = select(0u, p.width, inside);
    let x = p.x + row * p.width;
    var label = 0;
    if (labelled && inside) { label = bitcast<i32>(heap[p.target_at + row]); }
    let counts = !(labelled && ignores) || label != p.ignored;

    var top = MINUS_INFINITY;
    for (var i = mine; i < last; i += p.along) { top = max(top, key(heap[x + i])); }
    top = maximum(top, lane, lanes);
    let strange = labelled && counts && (label < 0 || label >= i32(p.width));
    let bad = top >= INFINITY || top == MINUS_INFINITY || strange;
    let shift = select(from_key(top), 0.0, bad);

    var sums = vec2f(0.0); // of exp and of t
    for (var i = mine; i < last; i += p.along) {
      let e = exp(max(bitcast<f32>(heap[x + i]) - shift, -104.0));
      sums += vec2f(e, wanted(row, label, counts, i));
    }
    sums = sum2(sums, lane, lanes);
    let log_sum = log_of(max(sums.x, 1.0));

    for (var i = mine; i < last; i += p.along) {
      let shifted = bitcast<f32>(heap[x + i]) - shift;
      let t = wanted(row, label, counts, i);
      let slope = (exp(max(shifted, -104.0)) / sums.x * sums.y - t) / by;
      heap[p.dx + row * p.width + i] = select(bitcast<u32>(slope), NAN, bad);
      if (bad) {
        losses = bitcast<f32>(nan_bits);
      } else if ((bitcast<u32>(t) & 0x7fffffffu) != 0u) { // 0·(-∞) counts as 0
        losses -= t * (shifted - log_sum);
      }
    }
  }
  losses = sum(losses, lane, lane_group(place, LANES, 1u));
  if (lane == 0u) { heap[p.loss + id] = bitcast<u32>(losses / by); }
}
