// out (C,K1,K2,B,P1,P2) = the windows of x (B,C,H,W) as columns, 0 in the padding. Each invocation writes one word.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32,
  n: u32, c: u32, h: u32, w: u32, // of x
  k1: u32, k2: u32, p1: u32, p2: u32, // size of a window, windows along each axis
  s1: u32, s2: u32, pad1: u32, pad2: u32, d1: u32, d2: u32,
}

// Whether rows (C,K1,K2) are so short that workgroups span several; else each has one row, whose indices are the same for
// all lanes.
override flat: bool;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let columns = p.n * p.p1 * p.p2;
  let number = group.y * groups.x + group.x;
  let blocks = (columns + 255u) / 256u;
  var row = number / blocks;
  var column = number % blocks * 256u + lane;
  if (flat) {
    row = (number * 256u + lane) / columns;
    column = (number * 256u + lane) % columns;
  }
  if (row >= p.c * p.k1 * p.k2 || column >= columns) { return; }
  let k2 = row % p.k2;
  let k1 = row / p.k2 % p.k1;
  let c = row / p.k2 / p.k1;
  let j2 = column % p.p2;
  let j1 = column / p.p2 % p.p1;
  let n = column / p.p2 / p.p1;
  let y = j1 * p.s1 + k1 * p.d1 - p.pad1; // wraps to a large number before the first
  let x = j2 * p.s2 + k2 * p.d2 - p.pad2;
  var word = 0u;
  if (y < p.h && x < p.w) { word = heap[p.x + ((n * p.c + c) * p.h + y) * p.w + x]; }
  heap[p.out + row * columns + column] = word;
}
