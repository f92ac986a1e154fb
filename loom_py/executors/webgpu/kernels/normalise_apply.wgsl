// The last, elementwise step of a normalisation with known means, and of its gradient.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, out: u32, x: u32, normal: u32, rstd: u32, means: u32, results: u32,
  k0: u32, sk0: u32, k1: u32, sk1: u32, // extents and strides of the kept axes
}

override gradient: bool; // x is then dnormal, and the means are those of dn and of dn·n, one row each

fn at(place: u32) -> f32 { return bitcast<f32>(heap[place]); }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let j = (i / p.sk0) % p.k0 * p.k1 + (i / p.sk1) % p.k1;
  var y = at(p.x + i) - at(p.means + j);
  if (gradient) { y -= at(p.normal + i) * at(p.means + p.results + j); }
  heap[p.out + i] = bitcast<u32>(y * at(p.rstd + j));
}
