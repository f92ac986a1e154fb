// Gradients of zx + zh (B,4H) and of c_prev (B,H), from those of h (dy from above, dr from the next step) and of c.
// with gates

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, n: u32, dz: u32, dc_prev: u32,
  dy: u32, dr: u32, dc: u32, gates: u32, c_prev: u32, c: u32,
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let wide = i / p.n * 3u * p.n + i; // in rows of 4H
  let gate_i = at(p.gates + wide);
  let gate_f = at(p.gates + wide + p.n);
  let gate_g = at(p.gates + wide + 2u * p.n);
  let gate_o = at(p.gates + wide + 3u * p.n);
  let dh = at(p.dy + i) + at(p.dr + i);
  let squashed = tangent(at(p.c + i));
  let total = at(p.dc + i) + dh * gate_o * (1.0 - squashed * squashed);
  put(p.dz + wide, total * gate_g * (gate_i * (1.0 - gate_i)));
  put(p.dz + wide + p.n, total * at(p.c_prev + i) * (gate_f * (1.0 - gate_f)));
  put(p.dz + wide + 2u * p.n, total * gate_i * (1.0 - gate_g * gate_g));
  put(p.dz + wide + 3u * p.n, dh * squashed * (gate_o * (1.0 - gate_o)));
  put(p.dc_prev + i, total * gate_f);
}
