// Merges sorted stretches of `width` ids in pairs: each id finds by bisection how many of the other stretch precede it.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { count: u32, before: u32, after: u32, width: u32 } // before, after: ids, then their positions

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.count) { return; }
  let id = heap[p.before + i];
  let stretch = i / p.width;
  let second = stretch % 2u == 1u;
  let begin = min((stretch ^ 1u) * p.width, p.count); // of the other stretch
  var low = begin;
  var high = min(begin + p.width, p.count);
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = heap[p.before + middle];
    if (other < id || (second && other == id)) { low = middle + 1u; } else { high = middle; } // equal ones keep their order
  }
  // i counts the ids before it in its own stretch, and for a second one all of the first, which `rank` counts too.
  let rank = low - begin;
  let to = i + rank - select(0u, p.width, second);
  heap[p.after + to] = id;
  heap[p.after + p.count + to] = heap[p.before + p.count + i];
}
