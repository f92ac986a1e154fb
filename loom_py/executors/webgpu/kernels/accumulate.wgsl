// total ← keep · total + share · g, in place; with keep 0, total may hold anything before.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, total: u32, g: u32, keep: u32, share: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let keep = heap[p.keep];
  var sum = bitcast<f32>(heap[p.share]) * bitcast<f32>(heap[p.g + i]);
  if ((keep & 0x7fffffffu) != 0u) { sum += bitcast<f32>(keep) * bitcast<f32>(heap[p.total + i]); }
  heap[p.total + i] = bitcast<u32>(sum);
}
