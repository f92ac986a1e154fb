// s ← αs + (1-α)g²; w ← w - η·g/(√s + ε), with optional momentum on the step. Nothing is written when `ok` is 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, w: u32, g: u32, square: u32, velocity: u32, rate: u32, scale: u32, ok: u32,
  keep: f32, fresh: f32, eps: f32, momentum: f32, decay: f32,
}

const NONE = 0xffffffffu; // of a missing input

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size || (heap[p.ok] & 0x7fffffffu) == 0u) { return; }
  let w = bitcast<f32>(heap[p.w + i]);
  var g = bitcast<f32>(heap[p.g + i]);
  if (p.scale != NONE) { g *= bitcast<f32>(heap[p.scale]); }
  if (p.decay != 0.0) { g += w * p.decay; }
  let square = bitcast<f32>(heap[p.square + i]) * p.keep + p.fresh * (g * g);
  heap[p.square + i] = bitcast<u32>(square);
  var step = g / (sqrt(square) + p.eps);
  if (p.velocity != NONE) {
    step += bitcast<f32>(heap[p.velocity + i]) * p.momentum;
    heap[p.velocity + i] = bitcast<u32>(step);
  }
  heap[p.w + i] = bitcast<u32>(w - step * bitcast<f32>(heap[p.rate]));
}
