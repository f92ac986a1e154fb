// Number of rows whose first largest value is at the target's label, or at the place of the target's own first largest
// value; a row with NaN is wrong. `along` lanes share a row; a workgroup takes `passes` rows for each of them.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, target_at: u32, rows: u32, width: u32, along: u32, passes: u32, count: u32,
  ignored: u32, // a label that is never right
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override labelled: bool; // whether targets are int32 labels
override finished: bool; // whether a single workgroup converts the count to a float

const NAN = 0xffffffffu; // as a key

// Unsigned integers in the order of the floats; -0 as 0, NaN above all.
fn key(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return NAN; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u && size != 0u);
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let id = number_of(place);
  if (id >= p.count) { return; }
  let mine = lane % p.along;
  let lanes = lane_group(place, p.along, 1u);
  var right = 0u;
  for (var pass_number = 0u; pass_number < p.passes; pass_number++) {
    let row = (id * p.passes + pass_number) * (LANES / p.along) + lane / p.along;
    let last = select(0u, p.width, row < p.rows);
    var keys = vec2u(0u); // the largest of the output and of the target
    var places = vec2u(0u); // complements of their places, which are largest for the first
    for (var i = mine; i < last; i += p.along) {
      let at = row * p.width + i;
      var here = vec2u(key(heap[p.x + at]), 0u);
      if (!labelled) { here.y = key(heap[p.target_at + at]); }
      places = select(places, vec2u(~i), here > keys);
      keys = max(keys, here);
    }
    let tops = maximum2(keys, lane, lanes);
    places = ~maximum2(select(vec2u(0u), places, keys == tops), lane, lanes);
    if (mine == 0u && row < p.rows) {
      var wanted = places.y;
      if (labelled) { wanted = heap[p.target_at + row]; }
      right += select(0u, 1u, tops.x != NAN && places.x == wanted && wanted != p.ignored);
    }
  }
  right = count(right, lane, lane_group(place, LANES, 1u));
  if (lane == 0u) { heap[p.out + id] = select(right, bitcast<u32>(f32(right)), finished); }
}
