// w ← (1-ηλ)w - η·sign(β₁m + (1-β₁)g); m ← β₂m + (1-β₂)g. Nothing is written when `ok` is 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, w: u32, g: u32, m: u32, rate: u32, scale: u32, ok: u32,
  decay: f32, keep1: f32, fresh1: f32, keep2: f32, fresh2: f32,
}

const NONE = 0xffffffffu; // of a missing input

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size || (heap[p.ok] & 0x7fffffffu) == 0u) { return; }
  let rate = bitcast<f32>(heap[p.rate]);
  let m = bitcast<f32>(heap[p.m + i]);
  var w = bitcast<f32>(heap[p.w + i]);
  var g = bitcast<f32>(heap[p.g + i]);
  if (p.scale != NONE) { g *= bitcast<f32>(heap[p.scale]); }
  if (p.decay != 0.0) { w *= 1.0 - rate * p.decay; }
  let mixed = m * p.keep1 + g * p.fresh1;
  let unknown = (bitcast<u32>(mixed) & 0x7fffffffu) > 0x7f800000u; // the sign of NaN is NaN
  heap[p.w + i] = bitcast<u32>(w - rate * select(sign(mixed), mixed, unknown));
  heap[p.m + i] = bitcast<u32>(m * p.keep2 + g * p.fresh2);
}
