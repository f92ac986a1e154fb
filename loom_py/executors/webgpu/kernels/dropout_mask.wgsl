// out = value where its random word is at least the threshold, else 0.
//
// The word is mix(mix(i + key) + key): the same bits on every executor. `key` comes mixed from seed and stream; the
// draw, which changes from step to step, is mixed in here. mix is Chris Wellons's "lowbias32".

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, draw: u32, key: u32, threshold: u32, value: u32 }

fn mix(word: u32) -> u32 {
  var x = word ^ (word >> 16u);
  x *= 0x7feb352du;
  x ^= x >> 15u;
  x *= 0x846ca68bu;
  return x ^ (x >> 16u);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let key = mix((p.key ^ heap[p.draw]) + 0x9e3779b9u);
  heap[p.out + i] = select(0u, p.value, mix(mix(i + key) + key) >= p.threshold);
}
