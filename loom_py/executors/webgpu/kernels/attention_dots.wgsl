// Σ dout·out of every row, added in the same order as the gradient's own products, so that a row that sees a single key
// gets a gradient of exactly 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { dots: u32, dout: u32, out: u32, rows: u32, width: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * 64u + id.x;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  for (var i = row * p.width; i < (row + 1u) * p.width; i++) {
    sum = fma(bitcast<f32>(heap[p.dout + i]), bitcast<f32>(heap[p.out + i]), sum);
  }
  heap[p.dots + row] = bitcast<u32>(sum);
}
