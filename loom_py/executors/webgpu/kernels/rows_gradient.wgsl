// Gradients of softmax and its sparse variants over rows: dx = g·(dy - Σ g·dy / w)/τ, where
//   softmax            g = y         w = 1
//   entmax, α = 2      g = [y > 0]   w = Σ g
//   entmax, α = 1.5    g = √y        w = Σ g
// `along` lanes share a row.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, dy: u32, y: u32, inverse: f32, rows: u32, width: u32, along: u32 }

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override kind: u32; // 0 softmax, 1 α = 2, 2 α = 1.5

fn slope(i: u32) -> f32 {
  let bits = heap[p.y + i];
  let y = bitcast<f32>(bits);
  if (kind == 0u) { return y; }
  if (kind == 1u) { return select(0.0, 1.0, bits != 0u && bits <= 0x7f800000u); }
  return sqrt(y);
}

fn at(i: u32) -> f32 { return bitcast<f32>(heap[p.dy + i]); }

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let first = number_of(place) * (LANES / p.along);
  if (first >= p.rows) { return; }
  let row = first + lane / p.along;
  let mine = lane % p.along;
  let begin = row * p.width;
  let end = begin + select(0u, p.width, row < p.rows);

  var sums = vec2f(0.0);
  for (var i = begin + mine; i < end; i += p.along) {
    let g = slope(i);
    sums += vec2f(g * at(i), g);
  }
  sums = sum2(sums, lane, lane_group(place, p.along, 1u));
  let mean = select(sums.x / sums.y, sums.x, kind == 0u);
  for (var i = begin + mine; i < end; i += p.along) {
    heap[p.out + i] = bitcast<u32>((at(i) - mean) * slope(i) * p.inverse);
  }
}
