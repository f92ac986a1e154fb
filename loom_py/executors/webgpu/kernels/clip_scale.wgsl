// out = min(1, most / (norm + 1e-6)); 1 where the norm is NaN, 0 where it is infinite.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, norm: u32, most: f32 }

@compute @workgroup_size(1)
fn main() {
  let bits = heap[p.norm];
  var scale = min(1.0, p.most / (bitcast<f32>(bits) + 1e-6));
  if (bits >= 0x7f800000u) { scale = select(1.0, 0.0, bits == 0x7f800000u); }
  heap[p.out] = bitcast<u32>(scale);
}
