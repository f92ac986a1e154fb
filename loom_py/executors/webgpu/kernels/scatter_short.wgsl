// out[v] = Σ of the rows of dy whose id is v, over sorted ids; out is 0 before.
//
// A lane for every sorted place and column: at the start of a run of one id it adds the run's rows in order, elsewhere it
// does nothing. Runs longer than LONG are left to scatter_long.wgsl, to balance the work of lanes.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, count: u32, out: u32, dy: u32, sorted: u32, rows: u32, width: u32 }
// `sorted`: the sorted ids, then their positions; size = count · width.

override LONG: u32;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let place = i / p.width;
  let column = i % p.width;
  let id = heap[p.sorted + place];
  if (id >= p.rows || (place > 0u && heap[p.sorted + place - 1u] == id)) { return; }
  if (place + LONG < p.count && heap[p.sorted + place + LONG] == id) { return; }
  var sum = 0.0;
  for (var k = place; k < p.count && heap[p.sorted + k] == id; k++) {
    sum += bitcast<f32>(heap[p.dy + heap[p.sorted + p.count + k] * p.width + column]);
  }
  heap[p.out + id * p.width + column] = bitcast<u32>(sum);
}
