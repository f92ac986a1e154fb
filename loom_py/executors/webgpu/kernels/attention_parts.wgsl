// Common parts of attention's kernels: a workgroup has 64 rows of its own and goes over others, 32 at a time. Lane l computes
// its own rows 4·(l/16) … + 3 with the others 2·(l%16) and + 1, or those rows' columns 4·(l%16) … + 3. Tiles are stored by
// fours of rows, with a gap after sixteen, so that neighbouring lanes write to different banks.

override wide: bool; // rows of more than 64 numbers, up to 128

const OWN = 64u;
const OTHERS = 32u;
const DEPTH = 16u;
const GAPPED = 17u;

var<workgroup> tile_own: array<vec4f, 272>;     // 16 numbers of 64 rows; then what `weigh` weighs
var<workgroup> tile_others: array<vec2f, 272>;  // 16 numbers of 32 rows
var<workgroup> tile_weights: array<vec4f, 544>; // 32 others by 64 rows

struct Pair { a: vec4f, b: vec4f } // of four rows: with an even other, and with the next
struct Sums { // of four rows: columns 4·(l%16) … + 3, and those 64 further on
  a0: vec4f, a1: vec4f, a2: vec4f, a3: vec4f,
  b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f,
}

// A number of a row; 0 beyond the last row or column.
fn number_at(base: u32, row: u32, rows: u32, column: u32) -> f32 {
  if (row >= rows || column >= p.width) { return 0.0; }
  return bitcast<f32>(heap[base + row * p.width + column]);
}

// Products of own rows with 32 others.
fn products(own: u32, own_rows: u32, others: u32, other_rows: u32, lane: u32) -> Pair {
  var found = Pair(vec4f(), vec4f());
  let at = lane % DEPTH;
  let four = lane / DEPTH;
  for (var start = 0u; start < p.width; start += DEPTH) {
    let column = start + at;
    workgroupBarrier();
    tile_own[at * GAPPED + four] = vec4f(
      number_at(own, 4u * four, own_rows, column), number_at(own, 4u * four + 1u, own_rows, column),
      number_at(own, 4u * four + 2u, own_rows, column), number_at(own, 4u * four + 3u, own_rows, column));
    tile_others[at * GAPPED + four] = vec2f(
      number_at(others, 2u * four, other_rows, column), number_at(others, 2u * four + 1u, other_rows, column));
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let x = tile_own[k * GAPPED + lane / 16u];
      let y = tile_others[k * GAPPED + lane % 16u];
      found.a = fma(x, y.xxxx, found.a);
      found.b = fma(x, y.yyyy, found.b);
    }
  }
  return found;
}

fn set_weights(weights: Pair, lane: u32) {
  tile_weights[lane % 16u * 2u * GAPPED + lane / 16u] = weights.a;
  tile_weights[(lane % 16u * 2u + 1u) * GAPPED + lane / 16u] = weights.b;
}

// sums += weights · others, with the weights that were set before.
fn weigh(sums: ptr<function, Sums>, others: u32, other_rows: u32, lane: u32) {
  let across = select(16u, 32u, wide);
  let count = 256u / across;
  for (var start = 0u; start < OTHERS; start += count) {
    let row = start + lane / across;
    let column = lane % across * 4u;
    workgroupBarrier();
    tile_own[lane] = vec4f(
      number_at(others, row, other_rows, column), number_at(others, row, other_rows, column + 1u),
      number_at(others, row, other_rows, column + 2u), number_at(others, row, other_rows, column + 3u));
    workgroupBarrier();
    for (var k = 0u; k < count; k++) {
      let w = tile_weights[(start + k) * GAPPED + lane / 16u];
      let x = tile_own[k * across + lane % 16u];
      (*sums).a0 = fma(w.xxxx, x, (*sums).a0);
      (*sums).a1 = fma(w.yyyy, x, (*sums).a1);
      (*sums).a2 = fma(w.zzzz, x, (*sums).a2);
      (*sums).a3 = fma(w.wwww, x, (*sums).a3);
      if (wide) {
        let y = tile_own[k * across + 16u + lane % 16u];
        (*sums).b0 = fma(w.xxxx, y, (*sums).b0);
        (*sums).b1 = fma(w.yyyy, y, (*sums).b1);
        (*sums).b2 = fma(w.zzzz, y, (*sums).b2);
        (*sums).b3 = fma(w.wwww, y, (*sums).b3);
      }
    }
  }
}

fn put_four(out: u32, column: u32, values: vec4f) {
  let words = bitcast<vec4u>(values);
  if (column < p.width) { heap[out + column] = words.x; }
  if (column + 1u < p.width) { heap[out + column + 1u] = words.y; }
  if (column + 2u < p.width) { heap[out + column + 2u] = words.z; }
  if (column + 3u < p.width) { heap[out + column + 3u] = words.w; }
}

// Stores a lane's sums into the rows from `out` on.
fn put_sums(out: u32, rows: u32, sums: Sums, lane: u32) {
  let row = lane / 16u * 4u;
  let column = lane % 16u * 4u;
  let at = out + row * p.width;
  if (row < rows) { put_four(at, column, sums.a0); }
  if (row + 1u < rows) { put_four(at + p.width, column, sums.a1); }
  if (row + 2u < rows) { put_four(at + 2u * p.width, column, sums.a2); }
  if (row + 3u < rows) { put_four(at + 3u * p.width, column, sums.a3); }
  if (wide) {
    if (row < rows) { put_four(at, 64u + column, sums.b0); }
    if (row + 1u < rows) { put_four(at + p.width, 64u + column, sums.b1); }
    if (row + 2u < rows) { put_four(at + 2u * p.width, 64u + column, sums.b2); }
    if (row + 3u < rows) { put_four(at + 3u * p.width, 64u + column, sums.b3); }
  }
}
