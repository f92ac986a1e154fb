// Rows of statistics from the partial ones of stats.wgsl, one workgroup a row.
// with running_stats

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  table: u32, // word of the table of rows, laid out as `Row`
}

struct Row {
  out: u32, size: u32,
  partials: u32, count: u32,          // word and number of the partial statistics
  zeros: u32, units: u32, parts: u32, // flags of all-zero units for each part; unused with a single part
}

fn row_of(number: u32) -> Row {
  let at = p.table + number * 7u;
  return Row(heap[at], heap[at + 1u], heap[at + 2u], heap[at + 3u], heap[at + 4u], heap[at + 5u], heap[at + 6u]);
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = row_of(group.x);
  var s = no_values();
  for (var i = lane; i < row.count; i += LANES) { s = merged(s, read_stats(row.partials + i * STATS_WORDS)); }
  if (row.parts > 1u) {
    for (var unit = lane; unit < row.units; unit += LANES) {
      var dead = 1u;
      for (var part = 0u; part < row.parts; part++) { dead *= heap[row.zeros + part * row.units + unit]; }
      s.dead += dead;
    }
  }
  partials[lane] = s;
  reduce_stats(lane, LANES, 1u);
  if (lane == 0u) { write_row(row.out, partials[0], row.size, row.units > 0u); }
}
