// Floats as unsigned integers of the same order ("keys"), NaN above all. Drivers may assume that floats are never NaN and
// may flush small ones; integers they leave alone. A part: kernels include it by `with float_order`.

const NAN = 0x7fc00000u; // as bits
const MINUS_INFINITY = 0x007fffffu; // as keys
const INFINITY = 0xff800000u;

fn key(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
fn from_key(k: u32) -> f32 { return bitcast<f32>(select(~k, k & 0x7fffffffu, k >= 0x80000000u)); }
