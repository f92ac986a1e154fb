// out (B,C,H,W) = columns (C,K1,K2,B,P1,P2), summed where windows overlap. Each invocation gathers the sum of one cell,
// from the last window that covers it to the first: the order of places within windows, in which NumPy adds.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, columns: u32,
  n: u32, c: u32, h: u32, w: u32, // of out
  k1: u32, k2: u32, p1: u32, p2: u32, // size of a window, windows along each axis
  s1: u32, s2: u32, pad1: u32, pad2: u32, d1: u32, d2: u32,
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.n * p.c * p.h * p.w) { return; }
  let y = i / p.w % p.h + p.pad1;
  let x = i % p.w + p.pad2;
  let image = i / p.w / p.h;
  let c = image % p.c;
  let n = image / p.c;
  let place = p.p1 * p.p2; // words of one image in a row of columns
  let at = p.columns + c * p.k1 * p.k2 * p.n * place + n * place;
  var sum = 0.0;
  // Window j covers the cell at place (y - j·s)/d, if that is whole and less than k. j counts down to 1 instead of 0, to
  // stay unsigned.
  for (var j1 = min(y / p.s1 + 1u, p.p1); j1 > 0u; j1--) {
    let away1 = y - (j1 - 1u) * p.s1;
    if (away1 > (p.k1 - 1u) * p.d1) { break; }
    if (p.d1 > 1u && away1 % p.d1 > 0u) { continue; }
    let row = at + away1 / p.d1 * p.k2 * p.n * place + (j1 - 1u) * p.p2;
    for (var j2 = min(x / p.s2 + 1u, p.p2); j2 > 0u; j2--) {
      let away2 = x - (j2 - 1u) * p.s2;
      if (away2 > (p.k2 - 1u) * p.d2) { break; }
      var k2 = away2;
      if (p.d2 > 1u) {
        if (away2 % p.d2 > 0u) { continue; }
        k2 = away2 / p.d2;
      }
      sum += bitcast<f32>(heap[row + k2 * p.n * place + j2 - 1u]);
    }
  }
  heap[p.out + i] = bitcast<u32>(sum);
}
