// Each pair (i, i + D/2) of a row rotated by the angle of its position. A table has cos, then sin of all angles (T, D/2),
// since float32 can't compute them for thousands of radians.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { pairs: u32, out: u32, x: u32, half: u32, angles: u32, table: u32, direction: f32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let pair = (group.y * groups.x + group.x) * 256u + lane;
  if (pair >= p.pairs) { return; }
  let at = pair / p.half * p.half + pair; // in rows of 2 · half
  let angle = pair % p.angles;            // p.angles = T · half
  let cosine = bitcast<f32>(heap[p.table + angle]);
  let sine = bitcast<f32>(heap[p.table + p.angles + angle]) * p.direction;
  let first = bitcast<f32>(heap[p.x + at]);
  let second = bitcast<f32>(heap[p.x + at + p.half]);
  heap[p.out + at] = bitcast<u32>(first * cosine - second * sine);
  heap[p.out + at + p.half] = bitcast<u32>(second * cosine + first * sine);
}
