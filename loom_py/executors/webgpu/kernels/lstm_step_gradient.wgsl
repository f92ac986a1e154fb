// Gradients of zx + zh (B,4H) and of c_prev (B,H), from those of h (dy from above, dr from the next step) and of c.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, n: u32, dz: u32, dc_prev: u32,
  dy: u32, dr: u32, dc: u32, gates: u32, c_prev: u32, c: u32,
}

fn at(word: u32) -> f32 { return bitcast<f32>(heap[word]); }
fn put(word: u32, value: f32) { heap[word] = bitcast<u32>(value); }

// tanh by Eigen's rational approximation: WGSL's own overflows on some drivers. Beyond 7.9 it is 1 in float32.
fn tangent(x: f32) -> f32 {
  let z = clamp(x, -7.9053111, 7.9053111);
  let s = z * z;
  var a = -2.76076847742355e-16;
  a = a * s + 2.00018790482477e-13;
  a = a * s - 8.60467152213735e-11;
  a = a * s + 5.12229709037114e-08;
  a = a * s + 1.48572235717979e-05;
  a = a * s + 6.37261928875436e-04;
  a = a * s + 4.89352455891786e-03;
  var b = 1.19825839466702e-06;
  b = b * s + 1.18534705686654e-04;
  b = b * s + 2.26843463243900e-03;
  b = b * s + 4.89352518554385e-03;
  let unknown = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(clamp(z * a / b, -1.0, 1.0), x, unknown);
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
