// v ← μv + g + λw; w ← w - η·v (Nesterov: w - η(g + λw + μv)). Nothing is written when `ok` is 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, w: u32, g: u32, velocity: u32, rate: u32, scale: u32, ok: u32,
  nesterov: u32, momentum: f32, decay: f32,
}

const NONE = 0xffffffffu; // of a missing input

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size || (heap[p.ok] & 0x7fffffffu) == 0u) { return; }
  let w = bitcast<f32>(heap[p.w + i]);
  var step = bitcast<f32>(heap[p.g + i]);
  if (p.scale != NONE) { step *= bitcast<f32>(heap[p.scale]); }
  if (p.decay != 0.0) { step += w * p.decay; }
  if (p.velocity != NONE) {
    let v = bitcast<f32>(heap[p.velocity + i]) * p.momentum + step;
    heap[p.velocity + i] = bitcast<u32>(v);
    step = select(v, step + v * p.momentum, p.nesterov != 0u);
  }
  heap[p.w + i] = bitcast<u32>(w - step * bitcast<f32>(heap[p.rate]));
}
