// out = 1 when loss and norm are both finite, else 0.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, loss: u32, norm: u32 }

@compute @workgroup_size(1)
fn main() {
  let larger = max(heap[p.loss] & 0x7fffffffu, heap[p.norm] & 0x7fffffffu);
  heap[p.out] = select(0u, 0x3f800000u, larger < 0x7f800000u);
}
