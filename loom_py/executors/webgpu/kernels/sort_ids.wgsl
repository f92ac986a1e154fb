// Sorts stretches of up to 1024 ids with their positions; equal ids stay in the order of their positions.
//
// A bitonic sort in workgroup memory. Places beyond the last id hold the largest number, which sorts to the end.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { count: u32, ids: u32, sorted: u32, width: u32 } // width: a power of two, of a stretch
// `sorted`: the sorted ids, then their positions.

var<workgroup> ids: array<u32, 1024>;
var<workgroup> positions: array<u32, 1024>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * p.width;
  for (var k = lane; k < p.width; k += 256u) {
    ids[k] = 0xffffffffu;
    if (first + k < p.count) { ids[k] = heap[p.ids + first + k]; }
    positions[k] = first + k;
  }
  workgroupBarrier();
  for (var size = 2u; size <= p.width; size *= 2u) {
    for (var step = size / 2u; step > 0u; step /= 2u) {
      for (var pair = lane; pair < p.width / 2u; pair += 256u) {
        let a = pair / step * 2u * step + pair % step;
        let b = a + step;
        let above = ids[a] > ids[b] || (ids[a] == ids[b] && positions[a] > positions[b]);
        if (above == ((a & size) == 0u)) { // every other block of `size` is sorted downwards
          let id = ids[a];
          let position = positions[a];
          ids[a] = ids[b];
          positions[a] = positions[b];
          ids[b] = id;
          positions[b] = position;
        }
      }
      workgroupBarrier();
    }
  }
  for (var k = lane; k < p.width && first + k < p.count; k += 256u) {
    heap[p.sorted + first + k] = ids[k];
    heap[p.sorted + p.count + first + k] = positions[k];
  }
}
