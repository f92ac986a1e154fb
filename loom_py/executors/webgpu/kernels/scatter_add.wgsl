// out[v] = Σ of the rows of dy whose id is v, over sorted ids; out is 0 before.
//
// A workgroup for every sorted place and tile of columns: where a run of one id begins it sums the run's rows, elsewhere
// it ends at once. Its lanes are `columns` wide; each of the 256 / columns streams adds every so many-th row in order,
// and the streams' sums are added as a tree: the same on every run, and a frequent id is no bottleneck.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  count: u32, out: u32, dy: u32, sorted: u32, rows: u32, width: u32,
  columns: u32, // a power of two
}

var<workgroup> run: vec2u; // first place and end
var<workgroup> sums: array<f32, 256>;

fn run_at(place: u32) -> vec2u {
  let id = heap[p.sorted + place];
  if (id >= p.rows || (place > 0u && heap[p.sorted + place - 1u] == id)) { return vec2u(0u, 0u); }
  var low = place + 1u;
  var high = p.count;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (heap[p.sorted + middle] == id) { low = middle + 1u; } else { high = middle; }
  }
  return vec2u(place, low);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let place = group.y * groups.x + group.x;
  if (place >= p.count) { return; }
  if (lane == 0u) { run = run_at(place); }
  let found = workgroupUniformLoad(&run);
  if (found.x == found.y) { return; }
  let column = group.z * p.columns + lane % p.columns;
  let streams = 256u / p.columns;
  var sum = 0.0;
  if (column < p.width) {
    for (var k = found.x + lane / p.columns; k < found.y; k += streams) {
      sum += bitcast<f32>(heap[p.dy + heap[p.sorted + p.count + k] * p.width + column]);
    }
  }
  if (found.y - found.x > 1u) {
    sums[lane] = sum;
    workgroupBarrier();
    for (var half = 128u; half >= p.columns; half /= 2u) {
      if (lane < half) { sums[lane] += sums[lane + half]; }
      workgroupBarrier();
    }
    sum = sums[lane];
  }
  if (lane < p.columns && column < p.width) {
    heap[p.out + heap[p.sorted + place] * p.width + column] = bitcast<u32>(sum);
  }
}
