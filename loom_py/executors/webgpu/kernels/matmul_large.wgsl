// out (…,M,N) = a (…,M,K) · b (…,K,N) + bias (N) in tiles of 128×128 a workgroup, 8×8 numbers an invocation, which stay in
// registers. Both factors pass through workgroup memory, eight places of K at a time and in two stages: the next eight
// are fetched while these are multiplied, and one barrier suffices.
//
// The side of a tile is stored as vectors of four: vector v holds rows v, v + 32, v + 64 and v + 96. So neighbouring
// invocations read and write neighbouring words, without alignment. Rows beyond the last repeat it and are not stored,
// so that the loop checks only the end of K. The loop is unrolled, so that the first index into a tile is a constant and
// compilers hoist the bounds check of the second.
// with product
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

const SIDE = 128u;   // of a tile
const VECTORS = 32u; // along a side
const QUARTERS = vec4u(0u, 32u, 64u, 96u);
const DEPTH = 8u;    // places of K in a stage
const BAND = 8u;     // rows of tiles in a band; tiles go band by band, so that factors stay in the cache

var<workgroup> tile_a: array<array<vec4f, 32>, 16>; // [stage and place of K][vector]
var<workgroup> tile_b: array<array<vec4f, 32>, 16>;

// An invocation's numbers: x0…x7 the rows in the columns of its first vector of b, y0…y7 in those of the second.
var<private> x0: vec4f; var<private> x1: vec4f; var<private> x2: vec4f; var<private> x3: vec4f;
var<private> x4: vec4f; var<private> x5: vec4f; var<private> x6: vec4f; var<private> x7: vec4f;
var<private> y0: vec4f; var<private> y1: vec4f; var<private> y2: vec4f; var<private> y3: vec4f;
var<private> y4: vec4f; var<private> y5: vec4f; var<private> y6: vec4f; var<private> y7: vec4f;

// One place of K: rows of a and d, columns of b and c.
fn step(a: vec4f, d: vec4f, b: vec4f, c: vec4f) {
  x0 = fma(a.xxxx, b, x0); x1 = fma(a.yyyy, b, x1); x2 = fma(a.zzzz, b, x2); x3 = fma(a.wwww, b, x3);
  y0 = fma(a.xxxx, c, y0); y1 = fma(a.yyyy, c, y1); y2 = fma(a.zzzz, c, y2); y3 = fma(a.wwww, c, y3);
  x4 = fma(d.xxxx, b, x4); x5 = fma(d.yyyy, b, x5); x6 = fma(d.zzzz, b, x6); x7 = fma(d.wwww, b, x7);
  y4 = fma(d.xxxx, c, y4); y5 = fma(d.yyyy, c, y5); y6 = fma(d.zzzz, c, y6); y7 = fma(d.wwww, c, y7);
}

fn fetch(at: vec4u, inside: bool) -> vec4f {
  if (!inside) { return vec4f(); }
  return bitcast<vec4f>(vec4u(heap[at.x], heap[at.y], heap[at.z], heap[at.w]));
}

fn bias(column: u32) -> vec4f {
  if (!biased) { return vec4f(); }
  return fetch(p.bias + min(column + QUARTERS, vec4u(p.columns - 1u)), true);
}

fn put(out: u32, row: u32, column: u32, values: vec4f) {
  if (row >= p.rows) { return; }
  let at = out + row * p.columns + column;
  let words = finished(bitcast<vec4u>(values));
  if (column < p.columns) { heap[at] = words.x; }
  if (column + VECTORS < p.columns) { heap[at + VECTORS] = words.y; }
  if (column + 2u * VECTORS < p.columns) { heap[at + 2u * VECTORS] = words.z; }
  if (column + 3u * VECTORS < p.columns) { heap[at + 3u * VECTORS] = words.w; }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= p.tiles) { return; }

  // The tile, and the share of K and the product that it belongs to.
  let work = work_of(number);
  let tile = work.tile;
  let band = tile / (BAND * p.across) * BAND;
  let height = min(p.down - band, BAND);
  let first_row = (band + tile % (BAND * p.across) % height) * SIDE;
  let first_column = tile % (BAND * p.across) / height * SIDE;
  let out = work.out;
  let begin = work.begin;
  let end = work.end;
  let a = work.a;
  let b = work.b;

  // What this invocation fetches in each stage: a vector of either factor at one place of K. Eight neighbouring lanes
  // always fetch different vectors of one place, which are in different banks.
  let vector_a = select(lane % VECTORS, lane % 8u + lane / 64u * 8u, along_a);
  let vector_b = select(lane % VECTORS, lane % 8u + lane / 64u * 8u, along_b);
  let k_a = select(lane / VECTORS, lane / 8u % 8u, along_a);
  let k_b = select(lane / VECTORS, lane / 8u % 8u, along_b);
  var from_a = a + min(first_row + vector_a + QUARTERS, vec4u(p.rows - 1u)) * p.a_row + (begin + k_a) * p.a_inner;
  var from_b = b + min(first_column + vector_b + QUARTERS, vec4u(p.columns - 1u)) * p.b_column + (begin + k_b) * p.b_inner;

  // Its results. Eight by four consecutive invocations make a block and so read few different vectors.
  let own_a = lane / 8u % 4u + lane / 64u * 4u;
  let own_b = lane % 8u + lane / 32u % 2u * 8u;
  let far_a = own_a + 16u;
  let far_b = own_b + 16u;

  tile_a[k_a][vector_a] = fetch(from_a, begin + k_a < end);
  tile_b[k_b][vector_b] = fetch(from_b, begin + k_b < end);
  workgroupBarrier();
  for (var k = begin; k < end; k += 2u * DEPTH) {
    from_a += DEPTH * p.a_inner;
    from_b += DEPTH * p.b_inner;
    var next_a = fetch(from_a, k + DEPTH + k_a < end);
    var next_b = fetch(from_b, k + DEPTH + k_b < end);
    step(tile_a[0][own_a], tile_a[0][far_a], tile_b[0][own_b], tile_b[0][far_b]);
    step(tile_a[1][own_a], tile_a[1][far_a], tile_b[1][own_b], tile_b[1][far_b]);
    step(tile_a[2][own_a], tile_a[2][far_a], tile_b[2][own_b], tile_b[2][far_b]);
    step(tile_a[3][own_a], tile_a[3][far_a], tile_b[3][own_b], tile_b[3][far_b]);
    step(tile_a[4][own_a], tile_a[4][far_a], tile_b[4][own_b], tile_b[4][far_b]);
    step(tile_a[5][own_a], tile_a[5][far_a], tile_b[5][own_b], tile_b[5][far_b]);
    step(tile_a[6][own_a], tile_a[6][far_a], tile_b[6][own_b], tile_b[6][far_b]);
    step(tile_a[7][own_a], tile_a[7][far_a], tile_b[7][own_b], tile_b[7][far_b]);
    tile_a[DEPTH + k_a][vector_a] = next_a;
    tile_b[DEPTH + k_b][vector_b] = next_b;
    workgroupBarrier();
    if (k + DEPTH >= end) { break; }
    from_a += DEPTH * p.a_inner;
    from_b += DEPTH * p.b_inner;
    next_a = fetch(from_a, k + 2u * DEPTH + k_a < end);
    next_b = fetch(from_b, k + 2u * DEPTH + k_b < end);
    step(tile_a[8][own_a], tile_a[8][far_a], tile_b[8][own_b], tile_b[8][far_b]);
    step(tile_a[9][own_a], tile_a[9][far_a], tile_b[9][own_b], tile_b[9][far_b]);
    step(tile_a[10][own_a], tile_a[10][far_a], tile_b[10][own_b], tile_b[10][far_b]);
    step(tile_a[11][own_a], tile_a[11][far_a], tile_b[11][own_b], tile_b[11][far_b]);
    step(tile_a[12][own_a], tile_a[12][far_a], tile_b[12][own_b], tile_b[12][far_b]);
    step(tile_a[13][own_a], tile_a[13][far_a], tile_b[13][own_b], tile_b[13][far_b]);
    step(tile_a[14][own_a], tile_a[14][far_a], tile_b[14][own_b], tile_b[14][far_b]);
    step(tile_a[15][own_a], tile_a[15][far_a], tile_b[15][own_b], tile_b[15][far_b]);
    tile_a[k_a][vector_a] = next_a;
    tile_b[k_b][vector_b] = next_b;
    workgroupBarrier();
  }

  for (var side = 0u; side < 2u; side++) {
    let column = first_column + select(own_b, far_b, side == 1u);
    let beta = bias(column);
    let row = first_row + own_a;
    put(out, row, column, select(x0, y0, side == 1u) + beta);
    put(out, row + 32u, column, select(x1, y1, side == 1u) + beta);
    put(out, row + 64u, column, select(x2, y2, side == 1u) + beta);
    put(out, row + 96u, column, select(x3, y3, side == 1u) + beta);
    put(out, row + 16u, column, select(x4, y4, side == 1u) + beta);
    put(out, row + 48u, column, select(x5, y5, side == 1u) + beta);
    put(out, row + 80u, column, select(x6, y6, side == 1u) + beta);
    put(out, row + 112u, column, select(x7, y7, side == 1u) + beta);
  }
}
