// Flag for each head, 1 where all numbers of up to four arrays and its rows' largest scores are finite; a workgroup a head.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, heads: u32,
  a: u32, a_size: u32, b: u32, b_size: u32, c: u32, c_size: u32, d: u32, d_size: u32, // sizes of one head
  tops: u32, rows: u32, // pairs of which only the first number counts
}

var<workgroup> bad: atomic<u32>;

fn look(base: u32, size: u32, step: u32, head: u32, lane: u32) {
  for (var i = lane; i < size; i += 256u) {
    if ((heap[base + (head * size + i) * step] & 0x7f800000u) == 0x7f800000u) { atomicOr(&bad, 1u); }
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let head = group.y * groups.x + group.x;
  if (head >= p.heads) { return; }
  look(p.a, p.a_size, 1u, head, lane);
  look(p.b, p.b_size, 1u, head, lane);
  look(p.c, p.c_size, 1u, head, lane);
  look(p.d, p.d_size, 1u, head, lane);
  look(p.tops, p.rows, 2u, head, lane);
  workgroupBarrier();
  if (lane == 0u) { heap[p.out + head] = 1u - atomicLoad(&bad); }
}
