// Rows of statistics from what the workgroups of stats.wgsl saw, a row for each workgroup.
// with seen

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  table: u32, // word of the rows' numbers, as `Row` has them
}

struct Row {
  out: u32, size: u32,
  seen: u32, count: u32,               // where the workgroups left what they saw, and how many they were
  zeros: u32, units: u32, parts: u32,  // whether a unit is all 0, for each part; of no use with a single one
}

fn row_of(number: u32) -> Row {
  let at = p.table + number * 7u;
  return Row(heap[at], heap[at + 1u], heap[at + 2u], heap[at + 3u], heap[at + 4u], heap[at + 5u], heap[at + 6u]);
}

override LANES: u32 = 256u; // of a workgroup, a power of two up to 256

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = row_of(group.x);
  var s = nothing();
  for (var i = lane; i < row.count; i += LANES) { s = joined(s, read_seen(row.seen + i * SEEN_WORDS)); }
  if (row.parts > 1u) {
    for (var unit = lane; unit < row.units; unit += LANES) {
      var dead = 1u;
      for (var part = 0u; part < row.parts; part++) { dead *= heap[row.zeros + part * row.units + unit]; }
      s.dead += dead;
    }
  }
  seen[lane] = s;
  meet(lane, LANES, 1u);
  if (lane == 0u) { write_row(row.out, seen[0], row.size, row.units > 0u); }
}
