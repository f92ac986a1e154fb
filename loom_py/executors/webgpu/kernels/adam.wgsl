// m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; w ← w - η·m̂/(√v̂ + ε). Nothing is written when `ok` is 0.
//
// The bias corrections 1 - β^t are computed as -expm1(t·log β); 1 - pow(β, t) would lose all digits for β near 1.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, w: u32, g: u32, m: u32, v: u32, rate: u32, count: u32, scale: u32, ok: u32,
  decoupled: u32, decay: f32, eps: f32,
  fresh1: f32, log1: f32,            // 1 - β₁ and log β₁, computed in float64
  keep2: f32, fresh2: f32, log2: f32, // β₂, 1 - β₂, log β₂
}

const NONE = 0xffffffffu; // of a missing input

// 1 - exp(x) for x ≤ 0, within a few units in the last place; Cephes's polynomial of exp.
fn less_than_one(x: f32) -> f32 {
  let y = max(x, -80.0);
  let n = round(y * 1.44269504);
  let r = y - n * 0.693359375 + n * 2.12194440e-4;
  var q = 1.9875691500e-4;
  q = q * r + 1.3981999507e-3;
  q = q * r + 8.3334519073e-3;
  q = q * r + 4.1665795894e-2;
  q = q * r + 1.6666665459e-1;
  q = q * r + 5.0000001201e-1;
  let scale = bitcast<f32>((i32(n) + 127) << 23u);
  return (1.0 - scale) - scale * (q * r * r + r);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size || (heap[p.ok] & 0x7fffffffu) == 0u) { return; }
  let rate = bitcast<f32>(heap[p.rate]);
  let t = bitcast<f32>(heap[p.count]);
  var w = bitcast<f32>(heap[p.w + i]);
  var g = bitcast<f32>(heap[p.g + i]);
  if (p.scale != NONE) { g *= bitcast<f32>(heap[p.scale]); }
  if (p.decay != 0.0) {
    if (p.decoupled != 0u) { w *= 1.0 - rate * p.decay; } else { g += w * p.decay; }
  }
  let before = bitcast<f32>(heap[p.m + i]);
  let m = before + p.fresh1 * (g - before);
  let v = bitcast<f32>(heap[p.v + i]) * p.keep2 + p.fresh2 * (g * g);
  heap[p.m + i] = bitcast<u32>(m);
  heap[p.v + i] = bitcast<u32>(v);
  let root = sqrt(v) / sqrt(less_than_one(t * p.log2)) + p.eps;
  heap[p.w + i] = bitcast<u32>(w - m / root * (rate / less_than_one(t * p.log1)));
}
