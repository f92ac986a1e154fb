// y = exp((x - max)/τ) / Σ over rows, without entries that a mask or the diagonal hides. Output may share memory with x:
// each lane overwrites only what it alone still reads.
// `along` lanes share a row, so that narrow rows fill a workgroup together. NaN and infinities are recognised by their
// bits, since WGSL guarantees nothing for comparisons with them.
// with workgroup_reduce
// with float_order

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, mask: u32, inverse: f32, // 1/τ
  rows: u32, width: u32, along: u32,
  n1: u32, n2: u32, n3: u32,                           // extents of the rows' axes but the first
  m0: u32, m1: u32, m2: u32, m3: u32, mask_step: u32,  // strides of the mask along them and along a row
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override masked: bool;
override causal: bool;

fn hidden(mask: u32, i: u32, diagonal: u32) -> bool {
  if (causal && i > diagonal) { return true; }
  // A float or an integer: 0 has no bits but a sign.
  return masked && (heap[mask + i * p.mask_step] & 0x7fffffffu) == 0u;
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let first = number_of(place) * (LANES / p.along);
  if (first >= p.rows) { return; }
  let row = first + lane / p.along;
  let mine = lane % p.along;
  let lanes = lane_group(place, p.along, 1u);
  let last = select(0u, p.width, row < p.rows);
  let x = p.x + row * p.width;
  let diagonal = row % p.width;
  var mask = p.mask;
  if (masked) {
    let above = row / p.n3;
    let higher = above / p.n2;
    mask += (higher / p.n1) * p.m0 + (higher % p.n1) * p.m1 + (above % p.n2) * p.m2 + (row % p.n3) * p.m3;
  }

  var top = MINUS_INFINITY;
  for (var i = mine; i < last; i += p.along) {
    if (!hidden(mask, i, diagonal)) { top = max(top, key(heap[x + i])); }
  }
  top = maximum(top, lane, lanes);
  let nothing = top == MINUS_INFINITY && (masked || causal); // such a row becomes 0
  let bad = top >= INFINITY || (top == MINUS_INFINITY && !nothing);
  let shift = select(from_key(top), 0.0, bad || nothing);

  var powers = 0.0;
  for (var i = mine; i < last; i += p.along) {
    if (!hidden(mask, i, diagonal)) { powers += exp(max((bitcast<f32>(heap[x + i]) - shift) * p.inverse, -104.0)); }
  }
  powers = sum(powers, lane, lanes);

  let y = p.out + row * p.width;
  for (var i = mine; i < last; i += p.along) {
    var bits = NAN;
    if (!bad) {
      bits = 0u;
      if (!nothing && !hidden(mask, i, diagonal)) {
        bits = bitcast<u32>(exp(max((bitcast<f32>(heap[x + i]) - shift) * p.inverse, -104.0)) / powers);
      }
    }
    heap[y + i] = bits;
  }
}
