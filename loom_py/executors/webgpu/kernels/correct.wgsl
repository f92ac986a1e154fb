// How many rows have their first largest value where the target is: at its label, or where its own first largest value
// stands; a row with NaN is wrong. `along` lanes share a row; a workgroup takes `passes` rows for each of them.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, target_at: u32, rows: u32, width: u32, along: u32, passes: u32, count: u32,
  ignored: u32, // a label that is never right
}

override labelled: bool; // whether targets are int32 labels
override finished: bool; // whether there is one workgroup, whose count becomes a float

const NAN = 0xffffffffu; // as a key

var<workgroup> tops: array<vec4u, 256>;
var<workgroup> rights: array<u32, 256>;

// Unsigned numbers in the order of the floats, -0 as 0, NaN above all.
fn key(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return NAN; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u && size != 0u);
}

// Key and place of the larger, of equals the first.
fn larger(a: vec2u, b: vec2u) -> vec2u { return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y)); }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let id = group.y * groups.x + group.x;
  if (id >= p.count) { return; }
  let mine = lane % p.along;
  var right = 0u;
  for (var pass_number = 0u; pass_number < p.passes; pass_number++) {
    let row = (id * p.passes + pass_number) * (256u / p.along) + lane / p.along;
    let last = select(0u, p.width, row < p.rows);
    var top = vec4u(0u, NAN, 0u, NAN); // of the output, of the target: key and place
    for (var i = mine; i < last; i += p.along) {
      let at = row * p.width + i;
      top = vec4u(larger(top.xy, vec2u(key(heap[p.x + at]), i)), top.zw);
      if (!labelled) { top = vec4u(top.xy, larger(top.zw, vec2u(key(heap[p.target_at + at]), i))); }
    }
    workgroupBarrier();
    tops[lane] = top;
    for (var half = p.along / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (mine < half) {
        let other = tops[lane + half];
        tops[lane] = vec4u(larger(tops[lane].xy, other.xy), larger(tops[lane].zw, other.zw));
      }
    }
    workgroupBarrier();
    if (mine == 0u && row < p.rows) {
      top = tops[lane];
      var wanted = top.w;
      if (labelled) { wanted = heap[p.target_at + row]; }
      right += select(0u, 1u, top.x != NAN && top.y == wanted && wanted != p.ignored);
    }
  }
  rights[lane] = right;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { rights[lane] += rights[lane + half]; }
  }
  if (lane == 0u) {
    heap[p.out + id] = select(rights[0], bitcast<u32>(f32(rights[0])), finished);
  }
}
