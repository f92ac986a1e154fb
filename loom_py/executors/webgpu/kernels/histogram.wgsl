// Histogram of finite values by sign and exponent (ops/histogram.py): 64 bins for each sign, and one for 0. Each workgroup
// counts a range in eight copies, so that lanes with the same exponent collide less often; a last one adds the ranges up.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, parts: u32,
  size: u32, part: u32, count: u32, // values in all and in each range; number of ranges
}

override stage: u32; // 0 a range each, into `parts`; 1 from `parts` to the row; 2 both at once

const BINS = 129u;
const COPIES = 8u;

var<workgroup> bins: array<atomic<u32>, 1032>;

// The exponent determines the bin; numbers below 2^-126 belong to the smallest.
fn bin_of(bits: u32) -> u32 {
  let place = clamp(i32((bits >> 23u) & 255u) - 127, -32, 31) + 33;
  return u32(64 + select(place, -place, bits >= 0x80000000u));
}

// Each number of the row is a pair of floats: their sum.
fn put(bin: u32, n: u32) {
  heap[p.out + 2u * bin] = bitcast<u32>(f32(n & ~4095u));
  heap[p.out + 2u * bin + 1u] = bitcast<u32>(f32(n & 4095u));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  if (stage == 1u) {
    if (lane < BINS) {
      var n = 0u;
      for (var i = 0u; i < p.count; i++) { n += heap[p.parts + i * BINS + lane]; }
      put(lane, n);
    }
    return;
  }
  let range = group.y * groups.x + group.x;
  if (range >= p.count) { return; }
  for (var i = lane; i < BINS * COPIES; i += 256u) { atomicStore(&bins[i], 0u); }
  workgroupBarrier();
  let copy = (lane % COPIES) * BINS;
  let end = min((range + 1u) * p.part, p.size);
  for (var i = range * p.part + lane; i < end; i += 256u) {
    let bits = heap[p.x + i];
    let size = bits & 0x7fffffffu;
    if (size < 0x7f800000u) { atomicAdd(&bins[copy + select(bin_of(bits), 64u, size == 0u)], 1u); }
  }
  workgroupBarrier();
  if (lane >= BINS) { return; }
  var n = 0u;
  for (var k = 0u; k < COPIES; k++) { n += atomicLoad(&bins[k * BINS + lane]); }
  if (stage == 0u) { heap[p.parts + range * BINS + lane] = n; } else { put(lane, n); }
}
