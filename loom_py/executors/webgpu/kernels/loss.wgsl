// Elementwise loss heads (ops/loss.py): the gradient of each value, and the sum of losses of each range of them.
// Losses are divided by the number of values before they are added: their mean is finite where their sum may overflow.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  loss: u32, dx: u32, x: u32, target_at: u32, delta: f32, values: f32,
  size: u32, part: u32, count: u32, // values in all and in each range; number of ranges
}

// 0 squared, 1 absolute, 2 Huber, 3 binary cross-entropy of logits, 4 of probabilities
override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override head: u32;

fn infinite_or_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// A variable, since WGSL refuses a constant that is NaN.
fn nan() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }

// log((1 + s)/(1 - s)) for |s| ≤ 1/3, by its series.
fn log_ratio(s: f32) -> f32 {
  let q = s * s;
  let tail = q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q / 15.0))))));
  return 2.0 * (s + s * tail);
}

// max(log x, -100) for x ≥ 0, within two units in the last place, unlike the built-in near 1.
fn log_held(x: f32) -> f32 {
  var bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) { return -100.0; }
  if (bits >= 0x80000000u) { return nan(); }
  if (bits >= 0x7f800000u) { return x; }
  var exponent = 0;
  if (bits < 0x00800000u) { // below 2^-126 there is no implicit leading bit: normalise
    let shift = countLeadingZeros(bits) - 8u;
    bits <<= shift;
    exponent = -i32(shift);
  }
  let up = (bits & 0x007fffffu) > 0x003504f3u; // mantissas above √2 count as below 1
  exponent += i32(bits >> 23u) - 127 + select(0, 1, up);
  let m = bitcast<f32>((bits & 0x007fffffu) | select(0x3f800000u, 0x3f000000u, up));
  return max(f32(exponent) * 0.693359375 + (log_ratio((m - 1.0) / (m + 1.0)) - f32(exponent) * 2.12194440e-4), -100.0);
}

// max(log(1 - p), -100).
fn log_rest(p: f32) -> f32 {
  if (infinite_or_nan(p) || p < 0.0 || p > 0.5) { return log_held(1.0 - p); }
  return log_ratio(-p / (2.0 - p));
}

// Loss and slope of one value.
fn loss_and_slope(x: f32, t: f32) -> vec2f {
  let share = 1.0 / p.values;
  let e = x - t;
  switch head {
    case 0u: { return vec2f(e * (e * share), 2.0 * e * share); }
    case 1u: { return vec2f(abs(e) * share, select(sign(e), e, is_nan(e)) * share); }
    case 2u: {
      let size = abs(e);
      let inside = size <= p.delta;
      let loss = select(p.delta * share * (size - 0.5 * p.delta), 0.5 * size * (size * share), inside);
      return vec2f(loss, select(clamp(e, -p.delta, p.delta), e, is_nan(e)) * share);
    }
    case 3u: {
      if (is_nan(x)) { return vec2f(x, x); }
      let down = exp(max(-abs(x), -104.0));
      let softplus = log_ratio(down / (2.0 + down));
      let sigmoid = select(down, 1.0, x >= 0.0) / (1.0 + down);
      return vec2f((max(x, 0.0) - x * t + softplus) * share, (sigmoid - t) * share);
    }
    default: {
      let loss = -(t * log_held(x) + (1.0 - t) * log_rest(x)) * share;
      let width = x * (1.0 - x);
      return vec2f(loss, e / select(max(width, 1e-12), width, is_nan(width)) * share);
    }
  }
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let range = number_of(place);
  if (range >= p.count) { return; }
  let end = min((range + 1u) * p.part, p.size);
  var losses = 0.0;
  for (var i = range * p.part + lane; i < end; i += LANES) {
    let found = loss_and_slope(bitcast<f32>(heap[p.x + i]), bitcast<f32>(heap[p.target_at + i]));
    losses += found.x;
    heap[p.dx + i] = bitcast<u32>(found.y);
  }
  losses = sum(losses, lane, lane_group(place, LANES, 1u));
  if (lane == 0u) { heap[p.loss + range] = select(bitcast<u32>(losses), 0x7fc00000u, p.size == 0u); }
}
