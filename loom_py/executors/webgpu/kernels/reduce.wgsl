// Sums over axes, and counts: each workgroup has a tile of results and one part of their elements.
// A second dispatch adds the parts up.
// with workgroup_reduce
// with reduction_tile

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32,
  divisor: f32, // of finished sums
  // Results and elements of each; lanes that share a result; elements of a part; tiles of results; workgroups.
  results: u32, elements: u32, along: u32, part: u32, tiles: u32, groups: u32,
  // Result j begins at j/k1·sk0 + j%k1·sk1; its element e is e/r1·sr0 + e%r1·sr1 words further.
  k1: u32, sk0: u32, sk1: u32, r1: u32, sr0: u32, sr1: u32,
}

override operation: u32; // 0 sum, 1 sum of counts, 2 how many are not finite, 3 how many are not 0
override finished: bool; // whether to divide sums and convert counts to floats

fn read(at: u32) -> u32 {
  let bits = heap[p.x + at];
  if (operation == 2u) { return select(0u, 1u, (bits & 0x7f800000u) == 0x7f800000u); }
  if (operation == 3u) { return select(0u, 1u, (bits & 0x7fffffffu) != 0u); }
  return bits;
}

fn plus(a: u32, b: u32) -> u32 {
  if (operation == 0u) { return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b)); }
  return a + b;
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let id = number_of(place);
  if (id >= p.groups) { return; }
  let lanes = lane_group(place, p.along, lane_step());
  let share = share_of(id, lane);
  let last = share.last;
  let begin = share.begin;
  let step = p.along;

  // Four at a time: four reads are in flight, and the chain of additions is a quarter as long.
  var found = 0u;
  var e = share.part * p.part + share.mine;
  for (; e + 3u * step < last; e += 4u * step) {
    let ab = plus(read(begin + element(e)), read(begin + element(e + step)));
    let cd = plus(read(begin + element(e + 2u * step)), read(begin + element(e + 3u * step)));
    found = plus(found, plus(ab, cd));
  }
  for (; e < last; e += step) { found = plus(found, read(begin + element(e))); }

  if (operation == 0u) {
    let total = sum(bitcast<f32>(found), lane, lanes);
    found = bitcast<u32>(select(total, total / p.divisor, finished));
  } else {
    let total = count(found, lane, lanes);
    found = select(total, bitcast<u32>(f32(total)), finished);
  }
  if (share.mine == 0u && share.result < p.results) {
    heap[p.out + share.part * p.results + share.result] = found;
  }
}
