// out (outer, before + extent + after, inner) = x (outer, extent, inner) with zeros on either side.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, x: u32, padded: u32, before: u32, extent: u32, inner: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let row = i / p.inner;
  let outer = row / p.padded;
  let place = row % p.padded - p.before; // wraps to a large number before the first
  var word = 0u;
  if (place < p.extent) { word = heap[p.x + (outer * p.extent + place) * p.inner + i % p.inner]; }
  heap[p.out + i] = word;
}
