// A number of the state for each lane: gates i,f,g,o = σ,σ,tanh,σ of zx + zh (B,4H); c = f·c_prev + i·g; h = o·tanh(c) (B,H).
// with gates

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, n: u32, h: u32, c: u32, gates: u32, zx: u32, zh: u32, c_prev: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let wide = i / p.n * 3u * p.n + i; // in rows of 4H
  let gate_i = sigmoid(at(p.zx + wide) + at(p.zh + wide));
  let gate_f = sigmoid(at(p.zx + wide + p.n) + at(p.zh + wide + p.n));
  let gate_g = tangent(at(p.zx + wide + 2u * p.n) + at(p.zh + wide + 2u * p.n));
  let gate_o = sigmoid(at(p.zx + wide + 3u * p.n) + at(p.zh + wide + 3u * p.n));
  let c = gate_f * at(p.c_prev + i) + gate_i * gate_g;
  put(p.gates + wide, gate_i);
  put(p.gates + wide + p.n, gate_f);
  put(p.gates + wide + 2u * p.n, gate_g);
  put(p.gates + wide + 3u * p.n, gate_o);
  put(p.c + i, c);
  put(p.h + i, gate_o * tangent(c));
}
