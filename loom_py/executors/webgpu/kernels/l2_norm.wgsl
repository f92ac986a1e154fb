// √Σ x², or √Σ (x - y)², of many arrays in one pass and without overflow: large, common and small values are summed
// separately, large ones scaled down, small ones up (Blue 1978). NaN and infinities count as large and propagate.
// Workgroups along y take one array each, from a table in the heap; those along x its ranges.
// with workgroup_reduce

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { table: u32 }

struct Array {
  out: u32, x: u32, y: u32, parts: u32, // y is NONE if missing
  size: u32, part: u32, count: u32,     // values in all and in each range; number of ranges
}

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override stage: u32; // 0 a range each, into `parts`; 1 from `parts` to the norm; 2 both at once

const NONE = 0xffffffffu;

const DOWN = 0x1p-80f;
const UP = 0x1p80f;
const LARGE = 0x57800000u; // 2^48
const SMALL = 0x26800000u; // 2^-50

fn array_of(row: u32) -> Array {
  let t = p.table + 7u * row;
  return Array(heap[t], heap[t + 1u], heap[t + 2u], heap[t + 3u], heap[t + 4u], heap[t + 5u], heap[t + 6u]);
}

fn value(a: Array, i: u32) -> f32 {
  var v = bitcast<f32>(heap[a.x + i]);
  if (a.y != NONE) { v -= bitcast<f32>(heap[a.y + i]); }
  return v;
}

// The square of v in the component for its size: large, common, small.
fn squared(v: f32) -> vec3f {
  let size = bitcast<u32>(v) & 0x7fffffffu;
  if (size >= LARGE) { return vec3f((v * DOWN) * (v * DOWN), 0.0, 0.0); }
  if (size < SMALL) { return vec3f(0.0, 0.0, (v * UP) * (v * UP)); }
  return vec3f(0.0, v * v, 0.0);
}

// Scaled as roots: 2^-160, the factor for squares, would underflow.
fn root(s: vec3f) -> f32 {
  let common_down = sqrt(s.y) * DOWN;
  let small = sqrt(s.z) * DOWN;
  if (bitcast<u32>(s.x) != 0u) { return sqrt(s.x + common_down * common_down) * UP; }
  if (bitcast<u32>(s.y) != 0u) { return sqrt(s.y + small * small); }
  return small;
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let a = array_of(place.group.y);
  let range = place.group.x;
  var squares = vec3f(0.0);
  if (stage == 1u) {
    for (var i = lane; i < a.count; i += LANES) {
      let at = a.parts + 3u * i;
      squares += bitcast<vec3f>(vec3u(heap[at], heap[at + 1u], heap[at + 2u]));
    }
  } else {
    let end = min((range + 1u) * a.part, a.size);
    var i = range * a.part + lane;
    for (; i + 3u * LANES < end; i += 4u * LANES) {
      let first = squared(value(a, i)) + squared(value(a, i + LANES));
      squares += first + (squared(value(a, i + 2u * LANES)) + squared(value(a, i + 3u * LANES)));
    }
    for (; i < end; i += LANES) { squares += squared(value(a, i)); }
  }
  squares = sum3(squares, lane, lane_group(place, LANES, 1u));
  if (lane != 0u || range >= a.count) { return; } // only now: barriers need uniform control flow
  if (stage == 0u) {
    for (var k = 0u; k < 3u; k++) { heap[a.parts + 3u * range + k] = bitcast<u32>(squares[k]); }
  } else {
    heap[a.out] = bitcast<u32>(root(squares));
  }
}
