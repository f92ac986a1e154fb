// Cross-entropy of probabilities with its gradient, elementwise: loss = -Σ t·log p / n, dp = -t/p/n with p clamped to the
// smallest normal number. Targets are labels or shares, smoothed and weighted by class. Each workgroup takes a range and
// stores the sum of its losses. A NaN or an invalid label makes the loss NaN.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  loss: u32, dx: u32, x: u32, target_at: u32, weights: u32, divisor_at: u32, divisor: f32,
  keep: f32, spread: f32, ignored: i32, // t = (hard·keep + spread)·weight
  classes: u32,
  size: u32, part: u32, count: u32, // values in all and in each range; number of ranges
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override labelled: bool; // whether targets are int32 labels
override weighted: bool;
override ignores: bool;  // whether rows with one label are ignored
override divided: bool;  // whether the divisor is read from the heap

const LEAST = 0x00800000u; // 2^-126

// log x of a normal number or +∞, within two units in the last place, unlike the built-in near 1.
fn log_of(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (bits >= 0x7f800000u) { return x; }
  let up = (bits & 0x007fffffu) > 0x003504f3u; // mantissas above √2 count as below 1
  let exponent = f32(i32(bits >> 23u) - 127 + select(0, 1, up));
  let m = bitcast<f32>((bits & 0x007fffffu) | select(0x3f800000u, 0x3f000000u, up));
  let s = (m - 1.0) / (m + 1.0);
  let q = s * s;
  let series = 2.0 * (s + s * q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0)))));
  return exponent * 0.693359375 + (series - exponent * 2.12194440e-4);
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let range = number_of(place);
  if (range >= p.count) { return; }
  var by = p.divisor;
  if (divided) { by = bitcast<f32>(heap[p.divisor_at]); }
  var bad = false;
  var losses = 0.0;
  let end = min((range + 1u) * p.part, p.size);
  for (var i = range * p.part + lane; i < end; i += LANES) {
    let row = i / p.classes;
    let at_class = i % p.classes;
    var hard = 0.0;
    var counts = true;
    if (labelled) {
      let label = bitcast<i32>(heap[p.target_at + row]);
      counts = !ignores || label != p.ignored;
      bad = bad || (counts && (label < 0 || label >= i32(p.classes)));
      hard = select(0.0, 1.0, label == i32(at_class));
    } else {
      hard = bitcast<f32>(heap[p.target_at + i]);
    }
    var t = select(0.0, hard * p.keep + p.spread, counts);
    if (weighted) { t *= bitcast<f32>(heap[p.weights + at_class]); }

    let bits = heap[p.x + i];
    let is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    bad = bad || is_nan;
    let safe = bitcast<f32>(select(bits, LEAST, !is_nan && (bits < LEAST || bits >= 0x80000000u)));
    if (!is_nan && (bitcast<u32>(t) & 0x7fffffffu) != 0u) { losses -= t * log_of(safe); } // 0·∞ counts as 0
    heap[p.dx + i] = bitcast<u32>(-(t / safe) / by);
  }
  var nan_bits = 0x7fc00000u; // a variable, since WGSL has no constant that is NaN
  losses = sum(select(losses, bitcast<f32>(nan_bits), bad), lane, lane_group(place, LANES, 1u));
  if (lane == 0u) { heap[p.loss + range] = bitcast<u32>(losses / by); }
}
