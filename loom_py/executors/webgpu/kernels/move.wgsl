// v ← μv + (1-μ)·step; w ← w + v; without velocity w ← w + step. Nothing is written when `ok` is 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, w: u32, velocity: u32, step: u32, ok: u32, keep: f32, fresh: f32 }

const NONE = 0xffffffffu; // of a missing input

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size || (heap[p.ok] & 0x7fffffffu) == 0u) { return; }
  var step = bitcast<f32>(heap[p.step + i]);
  if (p.velocity != NONE) {
    step = bitcast<f32>(heap[p.velocity + i]) * p.keep + step * p.fresh;
    heap[p.velocity + i] = bitcast<u32>(step);
  }
  heap[p.w + i] = bitcast<u32>(bitcast<f32>(heap[p.w + i]) + step);
}
