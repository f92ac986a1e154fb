// Check of workgroup reductions on this device: each lane counts the lane groups, of all sizes and steps, for which it
// receives the right results. One workgroup.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32 }

@compute @workgroup_size(256)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  var right = 0u;
  for (var along = 1u; along <= 256u; along *= 2u) {
    for (var step = 1u; along * step <= 256u; step *= 2u) {
      let lanes = lane_group(place, along, step);
      let first = lane - lane / step % along * step;
      let last = first + (along - 1u) * step;
      let total = along * (first + last) / 2u;
      // Not behind && or ||: all lanes have to make every call.
      let lower = ~maximum(~lane, lane, lanes);
      let upper = maximum(lane, lane, lanes);
      let added = count(lane, lane, lanes);
      let floating = sum(f32(lane), lane, lanes);
      right += select(0u, 1u, lower == first && upper == last && added == total && floating == f32(total));
    }
  }
  heap[p.out + lane] = right;
}
