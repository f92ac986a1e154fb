// out = a ⊕ b, elementwise, with the strides of broadcasting; five axes, the innermost last.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  size: u32, out: u32, a: u32, b: u32,
  n0: u32, n1: u32, n2: u32, n3: u32, n4: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32,
}

override operation: u32; // 0 add, 1 subtract, 2 multiply, 3 divide
override plain: bool;    // whether all three have one shape, so that no axes are needed

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  var at_a = i;
  var at_b = i;
  if (!plain) {
    let i4 = i % p.n4; var rest = i / p.n4;
    let i3 = rest % p.n3; rest /= p.n3;
    let i2 = rest % p.n2; rest /= p.n2;
    let i1 = rest % p.n1; let i0 = rest / p.n1;
    at_a = i0 * p.a0 + i1 * p.a1 + i2 * p.a2 + i3 * p.a3 + i4 * p.a4;
    at_b = i0 * p.b0 + i1 * p.b1 + i2 * p.b2 + i3 * p.b3 + i4 * p.b4;
  }
  let a = bitcast<f32>(heap[p.a + at_a]);
  let b = bitcast<f32>(heap[p.b + at_b]);
  var y = a + b;
  switch operation {
    case 1u: { y = a - b; }
    case 2u: { y = a * b; }
    case 3u: { y = a / b; }
    default: {}
  }
  heap[p.out + i] = bitcast<u32>(y);
}
