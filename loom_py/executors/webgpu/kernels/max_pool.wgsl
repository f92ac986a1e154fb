// y (B,C,P1,P2) = the largest value of each window of x (B,C,H,W), index = its place in the window, the first of equal
// ones. NaN counts as largest, the last of several. Values are compared as integers of the same order, since drivers may
// assume that floats are never NaN, and flush small ones.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  y: u32, index: u32, x: u32,
  n: u32, c: u32, h: u32, w: u32, // of x
  k1: u32, k2: u32, p1: u32, p2: u32, // size of a window, windows along each axis
  s1: u32, s2: u32, pad1: u32, pad2: u32,
}

const INFINITY = 0x7f800000u;

// -∞ … -0 = 0 … ∞, then NaN, in the order of integers.
fn order(bits: u32) -> i32 {
  let size = i32(bits & 0x7fffffffu);
  if (size > i32(INFINITY)) { return 0x7fffffff; }
  return select(size, -size, bits > 0x7fffffffu);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.n * p.c * p.p1 * p.p2) { return; }
  let first1 = i / p.p2 % p.p1 * p.s1 - p.pad1; // wraps before the first cell, and back when k is added
  let first2 = i % p.p2 * p.s2 - p.pad2;
  let image = p.x + i / p.p2 / p.p1 * p.h * p.w;
  var best = 0xff800000u; // -∞
  var largest = order(best);
  var place = -1;
  for (var k1 = 0u; k1 < p.k1; k1++) {
    if (first1 + k1 >= p.h) { continue; }
    for (var k2 = 0u; k2 < p.k2; k2++) {
      if (first2 + k2 >= p.w) { continue; }
      let bits = heap[image + (first1 + k1) * p.w + first2 + k2];
      let value = order(bits);
      if (value > largest || value == 0x7fffffff || place < 0) {
        best = bits;
        largest = value;
        place = i32(k1 * p.k2 + k2);
      }
    }
  }
  heap[p.y + i] = best;
  heap[p.index + i] = bitcast<u32>(place);
}
