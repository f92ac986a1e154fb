// The activations, exp and 1/√(x + eps), each within a few units in the last place, and their derivatives; numbers as in
// FUNCTIONS of lower/elementwise.py. A part: kernels include it by `with functions`.
//
// WGSL's own exp may be off by 3 + 2|x| units and its tanh overflows on some drivers, hence own versions (exp by Cephes's
// polynomial, Moshier's expf). Compilers may assume that all floats are finite, so
// NaN and infinities are recognised, and returned, by their bits.

const LINEAR = 0u; const RELU = 1u; const LEAKY = 2u; const SIGMOID = 3u; const TANH = 4u; const SOFTPLUS = 5u;
const GELU = 6u; const SILU = 7u; const ELU = 8u; const EXP = 9u; const INVERSE_ROOT = 10u;

const SIGN = 0x80000000u; const INFINITY = 0x7f800000u; const NAN = 0x7fc00000u; const ONE = 0x3f800000u;

struct Power { n: i32, rest: f32 } // e to the x = 2 to the n · (1 + rest)

fn power(x: f32) -> Power {
  let n = round(x * 1.44269504);
  let r = x - n * 0.693359375 + n * 2.12194440e-4; // ln 2 in two parts, the first with few bits so that n times it is exact
  var q = 1.9875691500e-4;
  q = q * r + 1.3981999507e-3;
  q = q * r + 8.3334519073e-3;
  q = q * r + 4.1665795894e-2;
  q = q * r + 1.6666665459e-1;
  q = q * r + 5.0000001201e-1;
  return Power(i32(n), q * r * r + r);
}

fn two_to(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }

// In two steps, so that the largest and smallest results are correct too.
fn exponential(x: f32) -> f32 {
  let e = power(clamp(x, -104.0, 88.8));
  let half = e.n >> 1u;
  return (1.0 + e.rest) * two_to(half) * two_to(e.n - half);
}

// exp(x) - 1; x at most 88.
fn less_one(x: f32) -> f32 {
  let e = power(max(x, -87.3));
  let scale = two_to(e.n);
  return scale * e.rest + (scale - 1.0);
}

// log(1 + u) for u from 0 to 1, as 2·artanh(u / (2 + u)).
fn log_one_and(u: f32) -> f32 {
  let s = u / (2.0 + u);
  let z = s * s;
  let q = 1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0));
  return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * q))));
}

fn sigmoid(x: f32) -> f32 {
  return select(1.0 / (1.0 + exponential(min(-x, 87.0))), 0.0, x < -87.0);
}

fn tangent(x: f32) -> f32 {
  let t = less_one(min(2.0 * abs(x), 20.0));
  return select(t / (t + 2.0), -t / (t + 2.0), x < 0.0);
}

// Φ(x), the share of a normal distribution below x, with its tail (Press et al., erfcc).
fn normal(x: f32) -> f32 {
  let z = min(abs(x) * 0.70710678, 20.0);
  let t = 1.0 / (1.0 + 0.5 * z);
  var q = 0.17087277;
  q = q * t - 0.82215223;
  q = q * t + 1.48851587;
  q = q * t - 1.13520398;
  q = q * t + 0.27886807;
  q = q * t - 0.18628806;
  q = q * t + 0.09678418;
  q = q * t + 0.37409196;
  q = q * t + 1.00002368;
  q = q * t - 1.26551223;
  let tail = select(0.5 * t * exponential(q - z * z), 0.0, z > 10.2); // smaller than any float32
  return select(1.0 - tail, tail, x < 0.0);
}

// f of a finite x; eps is for INVERSE_ROOT.
fn value(which: u32, x: f32, eps: f32) -> f32 {
  switch which {
    case LEAKY: { return select(x * 0.01, x, x > 0.0); }
    case SIGMOID: { return sigmoid(x); }
    case TANH: { return tangent(x); }
    case SOFTPLUS: { return max(x, 0.0) + log_one_and(exponential(-abs(x))); }
    case GELU: { return x * normal(x); }
    case SILU: { return x * sigmoid(x); }
    case ELU: { return select(less_one(min(x, 0.0)), x, x > 0.0); }
    case EXP: { return exponential(x); }
    default: { return inverseSqrt(x + eps); }
  }
}

// f at plus or minus infinity.
fn limit(which: u32, negative: bool) -> u32 {
  switch which {
    case LEAKY: { return select(INFINITY, INFINITY | SIGN, negative); }
    case SIGMOID: { return select(ONE, 0u, negative); }
    case TANH: { return select(ONE, ONE | SIGN, negative); }
    case GELU, SILU: { return select(INFINITY, NAN, negative); } // -∞ · 0
    case ELU: { return select(INFINITY, ONE | SIGN, negative); }
    case INVERSE_ROOT: { return NAN; } // also of +∞: a variance beyond float32
    default: { return select(INFINITY, 0u, negative); }
  }
}

// f of any number, as bits.
fn forward(which: u32, bits: u32, eps: f32) -> u32 {
  let magnitude = bits & ~SIGN;
  let x = bitcast<f32>(bits);
  if (which == LINEAR || magnitude > INFINITY) { return bits; }
  if (which == RELU) { return select(bits, 0u, bits >= SIGN); }
  if (magnitude == INFINITY) { return limit(which, bits >= SIGN); }
  if (which == EXP && x > 88.722839) { return INFINITY; }
  if (which == INVERSE_ROOT && x + eps <= 0.0) { return select(NAN, INFINITY, x + eps == 0.0); }
  return bitcast<u32>(value(which, x, eps));
}

// f' from the saved value, if that is not NaN.
fn slope(which: u32, bits: u32) -> f32 {
  let saved = bitcast<f32>(bits);
  let positive = bits - 1u < INFINITY;
  switch which {
    case RELU: { return select(0.0, 1.0, positive); }
    case LEAKY: { return select(0.01, 1.0, positive); }
    case SIGMOID: { return saved * (1.0 - saved); }
    case TANH: { return 1.0 - saved * saved; }
    case SOFTPLUS: { return -less_one(-saved); }
    case GELU: {
      let x = clamp(saved, -20.0, 20.0); // beyond, the density is 0
      return normal(x) + x * exponential(-0.5 * x * x) * 0.39894228;
    }
    case SILU: {
      let s = sigmoid(saved);
      return s * (1.0 + saved * (1.0 - s));
    }
    case ELU: { return select(saved + 1.0, 1.0, positive); }
    default: { return 1.0; }
  }
}

// dy · f', from the saved value: the output, or for GELU and SILU the input.
fn backward(which: u32, dy: u32, saved: u32) -> u32 {
  if (which == LINEAR || (dy & ~SIGN) > INFINITY) { return dy; }
  let unknown = (saved & ~SIGN) > INFINITY || ((which == GELU || which == SILU) && (saved & ~SIGN) == INFINITY);
  if (unknown && which != RELU && which != LEAKY) { return NAN; }
  let f = slope(which, saved);
  if ((dy & ~SIGN) == INFINITY && f == 0.0) { return NAN; }
  return bitcast<u32>(bitcast<f32>(dy) * f);
}
