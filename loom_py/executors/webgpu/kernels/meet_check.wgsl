// Whether lanes meet as they should on this device: each counts the teams, of all sizes and steps, in which it gets
// something else. One workgroup.
// with meet

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32 }

@compute @workgroup_size(256)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  var wrong = 0u;
  for (var along = 1u; along <= 256u; along *= 2u) {
    for (var step = 1u; along * step <= 256u; step *= 2u) {
      let lanes = team(place, along, step);
      let first = lane - lane / step % along * step;
      let last = first + (along - 1u) * step;
      let lower = highest(~lane, lane, lanes) != ~first;
      let upper = highest(lane, lane, lanes) != last;
      let total = along * (first + last) / 2u;
      let added = count(lane, lane, lanes) != total || sum(f32(lane), lane, lanes) != f32(total);
      wrong += select(0u, 1u, lower || upper || added);
    }
  }
  heap[p.out + lane] = wrong;
}
