// Sums of runs of more than LONG equal ids, which scatter_short.wgsl leaves out, such as those of a frequent word.
//
// A workgroup for every LONG-th sorted place and tile of columns: it sums the run whose second to (LONG + 1)-th row is
// there, if any. Its lanes are `columns` wide; each of the 256 / columns streams adds every so many-th row in
// order, and the streams' sums are added as a tree: the same on every run.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  count: u32, out: u32, dy: u32, sorted: u32, rows: u32, width: u32,
  columns: u32, // a power of two
}

override LONG: u32;

var<workgroup> run: vec2u; // first place and end

// The first place from `first` to `last` whose id is `id`, or with `beyond` is another one.
fn change(first: u32, last: u32, id: u32, beyond: bool) -> u32 {
  var low = first;
  var high = last;
  while (low < high) {
    let middle = (low + high) / 2u;
    if ((heap[p.sorted + middle] == id) == beyond) { low = middle + 1u; } else { high = middle; }
  }
  return low;
}

fn run_at(place: u32) -> vec2u {
  let id = heap[p.sorted + place];
  let earlier = place > LONG && heap[p.sorted + place - LONG - 1u] == id;
  if (id >= p.rows || earlier || heap[p.sorted + place - 1u] != id) { return vec2u(0u, 0u); }
  let begin = change(place - LONG, place, id, false);
  if (begin + LONG >= p.count || heap[p.sorted + begin + LONG] != id) { return vec2u(0u, 0u); }
  return vec2u(begin, change(begin + LONG, p.count, id, true));
}

@compute @workgroup_size(256)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let at = (number_of(place) + 1u) * LONG;
  if (at >= p.count) { return; }
  if (lane == 0u) { run = run_at(at); }
  let found = workgroupUniformLoad(&run);
  if (found.x == found.y) { return; }
  let column = place.group.z * p.columns + lane % p.columns;
  let streams = 256u / p.columns;
  var added = 0.0;
  if (column < p.width) {
    for (var k = found.x + lane / p.columns; k < found.y; k += streams) {
      added += bitcast<f32>(heap[p.dy + heap[p.sorted + p.count + k] * p.width + column]);
    }
  }
  added = sum(added, lane, lane_group(place, streams, p.columns));
  if (lane < p.columns && column < p.width) {
    heap[p.out + heap[p.sorted + found.x] * p.width + column] = bitcast<u32>(added);
  }
}
