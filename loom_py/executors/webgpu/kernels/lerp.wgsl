// dst ← dst + rate · (src - dst) where src is finite, in place.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, dst: u32, src: u32, rate: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let bits = heap[p.src + i];
  if ((bits & 0x7fffffffu) >= 0x7f800000u) { return; }
  let before = bitcast<f32>(heap[p.dst + i]);
  heap[p.dst + i] = bitcast<u32>(before + bitcast<f32>(heap[p.rate]) * (bitcast<f32>(bits) - before));
}
