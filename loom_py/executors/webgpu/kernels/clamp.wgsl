// out = x clamped to low … high. Non-finite values become 0; with `limits`, infinities are clamped too and NaN stays.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, x: u32, low: f32, high: f32 }

override limits: bool;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let bits = heap[p.x + i];
  let magnitude = bits & 0x7fffffffu;
  var y = bitcast<u32>(min(max(bitcast<f32>(bits), p.low), p.high));
  if (magnitude >= 0x7f800000u) { // recognised by its bits: compilers may assume that all floats are finite
    y = 0u;
    if (limits) {
      y = select(bitcast<u32>(p.high), bitcast<u32>(p.low), bits >= 0x80000000u);
      y = select(y, bits, magnitude > 0x7f800000u);
    }
  }
  heap[p.out + i] = y;
}
