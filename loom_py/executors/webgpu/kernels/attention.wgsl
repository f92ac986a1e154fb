// out = softmax(Q Kᵀ/τ) V: 64 queries a workgroup, keys in blocks of 32. Online softmax: the sums so far are rescaled
// whenever a larger score comes (Milakov & Gimelshein 2018, Dao et al. 2022).
// with attention_parts

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, row_stats: u32, query: u32, key: u32, value: u32, mask: u32, finite: u32,
  inverse: f32, // 1/τ
  heads: u32, // of one sample
  rows: u32, length: u32, width: u32,
  period: u32, // rows after which positions repeat
  blocks: u32, // of a period
  tiles: u32,
}

override masked: bool;
override causal: bool;

const LOWEST = -3.4028234e38; // in place of -∞, for which WGSL has no literal
const NAN = 0x7fc00000u;
const INFINITY = 0x7f800000u;

var<workgroup> all_finite: u32;

fn exponentials(scores: vec4f, shift: vec4f, visible: vec4<bool>) -> vec4f {
  let e = exp(max((scores - shift) * p.inverse, vec4f(-104.0)));
  let bits = bitcast<vec4u>(scores);
  let odd = ((bits & vec4u(0x7fffffffu)) > vec4u(INFINITY)) | (bits == vec4u(INFINITY));
  return bitcast<vec4f>(select(vec4u(0u), select(bitcast<vec4u>(e), vec4u(NAN), odd), visible));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= p.tiles) { return; }
  let a_head = p.rows / p.period * p.blocks;
  let head = tile / a_head;
  let time = tile % p.blocks * OWN;
  let first = head * p.rows + tile % a_head / p.blocks * p.period + time;
  let own_rows = min(p.period - time, OWN);
  let own = p.query + first * p.width;
  let keys_from = head * p.length * p.width;
  let mask = p.mask + head / p.heads * p.length;
  let row = lane / 16u * 4u;
  let times = time + row + vec4u(0u, 1u, 2u, 3u);

  var upto = p.length;
  if (causal) { // skip keys that no row sees, unless a number is not finite: 0 times that is NaN
    if (lane == 0u) { all_finite = heap[p.finite + head]; }
    if (workgroupUniformLoad(&all_finite) != 0u) { upto = min(p.length, time + OWN); }
  }
  var sums: Sums;
  var top = vec4f(LOWEST);
  var total = vec4f();
  for (var at = 0u; at < upto; at += OTHERS) {
    let scores = products(own, own_rows, p.key + keys_from + at * p.width, p.length - at, lane);
    let even = at + lane % 16u * 2u;
    var sees_a = vec4<bool>(even < p.length);
    var sees_b = vec4<bool>(even + 1u < p.length);
    if (masked) {
      sees_a = vec4<bool>(even < p.length && (heap[mask + min(even, p.length - 1u)] & 0x7fffffffu) != 0u);
      sees_b = vec4<bool>(even + 1u < p.length && (heap[mask + min(even + 1u, p.length - 1u)] & 0x7fffffffu) != 0u);
    }
    if (causal) {
      sees_a = sees_a & (vec4u(even) <= times);
      sees_b = sees_b & (vec4u(even + 1u) <= times);
    }
    workgroupBarrier();
    tile_own[lane] = max(select(vec4f(LOWEST), scores.a, sees_a), select(vec4f(LOWEST), scores.b, sees_b));
    workgroupBarrier();
    let before = top;
    for (var i = 0u; i < 16u; i++) { top = max(top, tile_own[lane / 16u * 16u + i]); }
    let shift = select(top, vec4f(), top == vec4f(LOWEST));
    let factor = select(exp(max((before - shift) * p.inverse, vec4f(-104.0))), vec4f(), before == vec4f(LOWEST));
    let weights = Pair(exponentials(scores.a, shift, sees_a), exponentials(scores.b, shift, sees_b));
    total = total * factor + (weights.a + weights.b);
    sums.a0 *= factor.x; sums.a1 *= factor.y; sums.a2 *= factor.z; sums.a3 *= factor.w;
    sums.b0 *= factor.x; sums.b1 *= factor.y; sums.b2 *= factor.z; sums.b3 *= factor.w;
    set_weights(weights, lane);
    weigh(&sums, p.value + keys_from + at * p.width, p.length - at, lane);
  }

  workgroupBarrier();
  tile_own[lane] = total;
  workgroupBarrier();
  total = vec4f();
  for (var i = 0u; i < 16u; i++) { total += tile_own[lane / 16u * 16u + i]; }
  // A row that sees no key, or only -∞, is 0 with a mask or causal, else NaN.
  let nothing = top == vec4f(LOWEST);
  var whole = bitcast<vec4u>(total);
  whole = select(whole, vec4u(select(NAN, INFINITY, masked || causal)), nothing & (whole <= vec4u(INFINITY)));
  let bad = (whole & vec4u(0x7fffffffu)) > vec4u(INFINITY);
  let scale = bitcast<vec4f>(select(
    select(bitcast<vec4u>(1.0 / total), vec4u(0u), whole == vec4u(INFINITY)), vec4u(NAN), bad));
  sums.a0 *= scale.x; sums.a1 *= scale.y; sums.a2 *= scale.z; sums.a3 *= scale.w;
  sums.b0 *= scale.x; sums.b1 *= scale.y; sums.b2 *= scale.z; sums.b3 *= scale.w;
  put_sums(p.out + first * p.width, own_rows, sums, lane);
  if (lane % 16u == 0u) {
    let tops = select(select(bitcast<vec4u>(top), vec4u(0u), nothing), vec4u(NAN), bad);
    for (var i = 0u; i < 4u; i++) {
      if (row + i < own_rows) {
        heap[p.row_stats + 2u * (first + row + i)] = tops[i];
        heap[p.row_stats + 2u * (first + row + i) + 1u] = whole[i];
      }
    }
  }
}
