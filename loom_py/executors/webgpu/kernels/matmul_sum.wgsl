// out (…,M,N) = the products of all shares of K added in order, + bias (N), for products with K split.
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, parts: u32, shares: u32, bias: u32, columns: u32 }

override biased: bool;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  var sum = bitcast<f32>(heap[p.parts + i]);
  for (var share = 1u; share < p.shares; share++) { sum += bitcast<f32>(heap[p.parts + share * p.size + i]); }
  if (biased) { sum += bitcast<f32>(heap[p.bias + i % p.columns]); }
  heap[p.out + i] = activated(bitcast<u32>(sum));
}
