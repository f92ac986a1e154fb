// One number of the state for each lane: r,z = σ(zx + zh); n = tanh(zx_n + r·zh_n); h = n + z·(h_prev - n) (B,H).
// Saved gates: r, z, n and zh_n (B,4H); zx and zh are (B,3H).
// with gates

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, n: u32, h: u32, gates: u32, zx: u32, zh: u32, h_prev: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let row = i / p.n * p.n;
  let narrow = 2u * row + i; // in rows of 3H
  let wide = 3u * row + i;   // in rows of 4H
  let r = sigmoid(at(p.zx + narrow) + at(p.zh + narrow));
  let z = sigmoid(at(p.zx + narrow + p.n) + at(p.zh + narrow + p.n));
  let kept = at(p.zh + narrow + 2u * p.n);
  let new_state = tangent(at(p.zx + narrow + 2u * p.n) + r * kept);
  put(p.gates + wide, r);
  put(p.gates + wide + p.n, z);
  put(p.gates + wide + 2u * p.n, new_state);
  put(p.gates + wide + 3u * p.n, kept);
  put(p.h + i, new_state + z * (at(p.h_prev + i) - new_state));
}
