// out[n] = table[ids[n]], rows of `width` words; ids beyond the table take its first or last row, as with NumPy's "clip".

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, table: u32, ids: u32, rows: u32, width: u32 }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  let id = clamp(bitcast<i32>(heap[p.ids + i / p.width]), 0, i32(p.rows) - 1);
  heap[p.out + i] = heap[p.table + u32(id) * p.width + i % p.width];
}
