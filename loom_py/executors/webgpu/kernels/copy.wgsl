// out[i·o] = x[i·x], word by word: slices, joins and repetitions by the strides on both sides; the innermost axis last.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, out: u32, x: u32,
  n0: u32, n1: u32, n2: u32, n3: u32, n4: u32,
  o0: u32, o1: u32, o2: u32, o3: u32, o4: u32,
  x0: u32, x1: u32, x2: u32, x3: u32, x4: u32,
}

override axes: u32; // how many of the five are used: each costs a division

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  var rest = (group.y * groups.x + group.x) * 256u + lane;
  if (rest >= p.size) { return; }
  var out = p.out;
  var x = p.x;
  if (axes > 1u) { let i = rest % p.n4; rest /= p.n4; out += i * p.o4; x += i * p.x4; }
  if (axes > 2u) { let i = rest % p.n3; rest /= p.n3; out += i * p.o3; x += i * p.x3; }
  if (axes > 3u) { let i = rest % p.n2; rest /= p.n2; out += i * p.o2; x += i * p.x2; }
  if (axes > 4u) { let i = rest % p.n1; rest /= p.n1; out += i * p.o1; x += i * p.x1; }
  // The outermost axis takes the rest; its strides are always in o0 and x0.
  heap[out + rest * p.o0] = heap[x + rest * p.x0];
}
