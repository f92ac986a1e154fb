// Gradients of attention; the weights are recomputed from each row's largest score and sum (Dao et al. 2022). With W the
// weights, dW = dout Vᵀ and dS = W·(dW - dots)/τ: a tile of 64 queries goes over the keys for dquery = dS K, or with `keys`
// a tile of 64 keys over the queries for dvalue = Wᵀ dout and dkey = dSᵀ Q.
// with attention_parts

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  dquery: u32, dkey: u32, dvalue: u32,
  dout: u32, query: u32, key: u32, value: u32, row_stats: u32, mask: u32, finite: u32, dots: u32,
  inverse: f32, // 1/τ
  heads: u32, // of one sample
  rows: u32, length: u32, width: u32,
  period: u32, // rows after which positions repeat
  blocks: u32, // of a period of queries, or of the keys
  tiles: u32,
}

override masked: bool;
override causal: bool;
override keys: bool;

var<workgroup> all_finite: u32;

struct Both { weights: vec4f, changes: vec4f } // W and dS

// W and dS of four pairs of a row and a key: 0 outside the arrays; hidden pairs are 0 times the other factors.
fn both(scores: vec4f, products: vec4f, rows: vec4u, places: vec4u, inside: vec4<bool>, times: vec4u, mask: u32) -> Both {
  var found: Both;
  for (var i = 0u; i < 4u; i++) {
    if (inside[i]) {
      let top = bitcast<f32>(heap[p.row_stats + 2u * rows[i]]);
      let total = bitcast<f32>(heap[p.row_stats + 2u * rows[i] + 1u]);
      var e = exp(max((scores[i] - top) * p.inverse, -104.0));
      if (causal && places[i] > times[i]) { e = 0.0; }
      if (masked && (heap[mask + places[i]] & 0x7fffffffu) == 0u) { e = 0.0; }
      var w = e / total;
      let bits = bitcast<u32>(total);
      if (bits == 0x7f800000u) { w = 0.0; }
      if ((bits & 0x7fffffffu) > 0x7f800000u) { w = total; }
      found.weights[i] = w;
      found.changes[i] = (products[i] - bitcast<f32>(heap[p.dots + rows[i]])) * w * p.inverse;
    }
  }
  return found;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let tile = group.y * groups.x + group.x;
  if (tile >= p.tiles) { return; }
  let a_head = select(p.rows / p.period, 1u, keys) * p.blocks;
  let head = tile / a_head;
  let time = tile % p.blocks * OWN;
  let begin = tile % a_head / p.blocks * p.period; // of the own rows' period; 0 for keys
  let own_rows = min(select(p.period, p.length, keys) - time, OWN);
  let rows = head * p.rows; // the head's first row, and its first key
  let places = head * p.length;
  let own = select(rows + begin, places, keys) + time;
  let mask = p.mask + head / p.heads * p.length;

  // The others: keys 0 … stop, or of every period of queries those from `start` on.
  var start = 0u;
  var stop = select(p.length, p.period, keys);
  if (causal) {
    if (lane == 0u) { all_finite = heap[p.finite + head]; }
    if (workgroupUniformLoad(&all_finite) != 0u) {
      if (keys) { start = time; } else { stop = min(p.length, time + OWN); }
    }
  }
  let own_a = select(p.query, p.key, keys) + own * p.width;
  let own_b = select(p.dout, p.value, keys) + own * p.width;
  let mine = vec4u(lane / 16u * 4u) + vec4u(0u, 1u, 2u, 3u);
  let here = mine < vec4u(own_rows);
  var changed: Sums;
  var weighed: Sums;
  let periods = select(1u, p.rows / p.period, keys);
  for (var period = 0u; period < periods; period++) {
    let others = select(places, rows + period * p.period, keys);
    for (var at = start; at < stop; at += OTHERS) {
      let other_a = select(p.key, p.query, keys) + (others + at) * p.width;
      let other_b = select(p.value, p.dout, keys) + (others + at) * p.width;
      let count = select(p.length, p.period, keys) - at;
      let scores = products(own_a, own_rows, other_a, count, lane);
      let changes = products(own_b, own_rows, other_b, count, lane);
      let even = lane % 16u * 2u;
      var made: array<Both, 2>;
      for (var i = 0u; i < 2u; i++) {
        let other = even + i;
        let inside = here & vec4<bool>(other < count);
        let s = select(scores.a, scores.b, i == 1u);
        let c = select(changes.a, changes.b, i == 1u);
        if (keys) {
          made[i] = both(s, c, vec4u(others + at + other), mine + time, inside, vec4u(at + other), mask);
        } else {
          made[i] = both(s, c, own + mine, vec4u(at + other), inside, mine + time, mask);
        }
      }
      if (keys) {
        set_weights(Pair(made[0].weights, made[1].weights), lane);
        weigh(&weighed, other_b, count, lane);
        workgroupBarrier();
      }
      set_weights(Pair(made[0].changes, made[1].changes), lane);
      weigh(&changed, other_a, count, lane);
    }
  }
  put_sums(select(p.dquery, p.dkey, keys) + own * p.width, own_rows, changed, lane);
  if (keys) { put_sums(p.dvalue + own * p.width, own_rows, weighed, lane); }
}
