// One state of a row for each lane: r,z = σ(zx + zh); n = tanh(zx_n + r·zh_n); h = n + z·(h_prev - n) (B,H).
// The gates that are kept are r, z, n and zh_n (B,4H); zx and zh are (B,3H).

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, n: u32, h: u32, gates: u32, zx: u32, zh: u32, h_prev: u32 }

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

fn sigmoid(x: f32) -> f32 { return 0.5 * tangent(0.5 * x) + 0.5; }

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
