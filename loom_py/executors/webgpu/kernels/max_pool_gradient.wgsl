// dx (B,C,H,W) = dy (B,C,P1,P2), added at the place of each window's largest value. Each invocation gathers the sum of one
// cell, from the last window that covers it to the first: the order in which NumPy adds.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  dx: u32, dy: u32, index: u32,
  n: u32, c: u32, h: u32, w: u32, // of dx
  k1: u32, k2: u32, p1: u32, p2: u32, // size of a window, windows along each axis
  s1: u32, s2: u32, pad1: u32, pad2: u32,
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.n * p.c * p.h * p.w) { return; }
  let y = i / p.w % p.h + p.pad1;
  let x = i % p.w + p.pad2;
  let image = i / p.w / p.h * p.p1 * p.p2;
  var sum = 0.0;
  for (var j1 = min(y / p.s1 + 1u, p.p1); j1 > 0u; j1--) { // counts down to 1 instead of 0, to stay unsigned
    let k1 = y - (j1 - 1u) * p.s1;
    if (k1 >= p.k1) { break; }
    for (var j2 = min(x / p.s2 + 1u, p.p2); j2 > 0u; j2--) {
      let k2 = x - (j2 - 1u) * p.s2;
      if (k2 >= p.k2) { break; }
      let window = image + (j1 - 1u) * p.p2 + j2 - 1u;
      if (heap[p.index + window] == k1 * p.k2 + k2) { sum += bitcast<f32>(heap[p.dy + window]); }
    }
  }
  heap[p.dx + i] = bitcast<u32>(sum);
}
