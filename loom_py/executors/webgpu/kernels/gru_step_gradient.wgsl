// Gradients of zx and zh (B,3H), and of h_prev without its part through the product (B,H); that of h is dy + dr + straight.
// with gates

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, n: u32, dzx: u32, dzh: u32, dh_prev: u32,
  dy: u32, dr: u32, straight: u32, gates: u32, h_prev: u32,
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let row = i / p.n * p.n;
  let narrow = 2u * row + i; // in rows of 3H
  let wide = 3u * row + i;   // in rows of 4H
  let r = at(p.gates + wide);
  let z = at(p.gates + wide + p.n);
  let new_state = at(p.gates + wide + 2u * p.n);
  let dh = at(p.dy + i) + at(p.dr + i) + at(p.straight + i);
  let past = dh * z;
  let dn = (dh - past) * (1.0 - new_state * new_state);
  let d_r = dn * at(p.gates + wide + 3u * p.n) * (r * (1.0 - r));
  let d_z = dh * (at(p.h_prev + i) - new_state) * (z * (1.0 - z));
  put(p.dzx + narrow, d_r);
  put(p.dzx + narrow + p.n, d_z);
  put(p.dzx + narrow + 2u * p.n, dn);
  put(p.dzh + narrow, d_r);
  put(p.dzh + narrow + p.n, d_z);
  put(p.dzh + narrow + 2u * p.n, dn * r);
  put(p.dh_prev + i, past);
}
