// As matmul_large.wgsl, in tiles of 64×64 with 8×4 numbers an invocation, or 32×32 with 4×4, for products with fewer
// results. Vector v of the side of a tile holds rows v, v + side/4, v + side/2 and v + 3·side/4.
// with product
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

override tall: bool;    // whether tiles are 64×64
override SIDE = 32u + 32u * u32(tall);
override VECTORS = SIDE / 4u; // along a side

const DEPTH = 8u; // places of K in a stage
const BAND = 8u;  // rows of tiles in a band; tiles go band by band, so that factors stay in the cache

var<workgroup> tile_a: array<array<vec4f, 16>, 16>; // [stage and place of K][vector]
var<workgroup> tile_b: array<array<vec4f, 16>, 16>;

// An invocation's numbers, row by row.
var<private> x0: vec4f; var<private> x1: vec4f; var<private> x2: vec4f; var<private> x3: vec4f;
var<private> x4: vec4f; var<private> x5: vec4f; var<private> x6: vec4f; var<private> x7: vec4f;

// One place of K: rows of a and, in tall tiles, d.
fn step(a: vec4f, d: vec4f, b: vec4f) {
  x0 = fma(a.xxxx, b, x0); x1 = fma(a.yyyy, b, x1); x2 = fma(a.zzzz, b, x2); x3 = fma(a.wwww, b, x3);
  if (tall) {
    x4 = fma(d.xxxx, b, x4); x5 = fma(d.yyyy, b, x5); x6 = fma(d.zzzz, b, x6); x7 = fma(d.wwww, b, x7);
  }
}

fn fetch(at: vec4u, inside: bool) -> vec4f {
  if (!inside) { return vec4f(); }
  return bitcast<vec4f>(vec4u(heap[at.x], heap[at.y], heap[at.z], heap[at.w]));
}

fn bias(column: u32) -> vec4f {
  if (!biased) { return vec4f(); }
  return fetch(p.bias + min(column + vec4u(0u, 1u, 2u, 3u) * VECTORS, vec4u(p.columns - 1u)), true);
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

@compute @workgroup_size(SIDE * 2u)
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
  let quarters = vec4u(0u, 1u, 2u, 3u) * VECTORS;
  let vector_a = select(lane % VECTORS, lane % 8u + lane / 64u * 8u, along_a);
  let vector_b = select(lane % VECTORS, lane % 8u + lane / 64u * 8u, along_b);
  let k_a = select(lane / VECTORS, lane / 8u % 8u, along_a);
  let k_b = select(lane / VECTORS, lane / 8u % 8u, along_b);
  var from_a = a + min(first_row + vector_a + quarters, vec4u(p.rows - 1u)) * p.a_row + (begin + k_a) * p.a_inner;
  var from_b = b + min(first_column + vector_b + quarters, vec4u(p.columns - 1u)) * p.b_column + (begin + k_b) * p.b_inner;

  // Its results. Eight by four consecutive invocations make a block and so read few different vectors.
  let own_a = (lane / 8u % 4u + lane / (4u * VECTORS) * 4u) % 8u;
  let own_b = lane % 8u + lane / 32u * 8u % VECTORS;
  let far_a = own_a + 8u;

  tile_a[k_a][vector_a] = fetch(from_a, begin + k_a < end);
  tile_b[k_b][vector_b] = fetch(from_b, begin + k_b < end);
  workgroupBarrier();
  for (var k = begin; k < end; k += 2u * DEPTH) {
    from_a += DEPTH * p.a_inner;
    from_b += DEPTH * p.b_inner;
    var next_a = fetch(from_a, k + DEPTH + k_a < end);
    var next_b = fetch(from_b, k + DEPTH + k_b < end);
    step(tile_a[0][own_a], tile_a[0][far_a], tile_b[0][own_b]);
    step(tile_a[1][own_a], tile_a[1][far_a], tile_b[1][own_b]);
    step(tile_a[2][own_a], tile_a[2][far_a], tile_b[2][own_b]);
    step(tile_a[3][own_a], tile_a[3][far_a], tile_b[3][own_b]);
    step(tile_a[4][own_a], tile_a[4][far_a], tile_b[4][own_b]);
    step(tile_a[5][own_a], tile_a[5][far_a], tile_b[5][own_b]);
    step(tile_a[6][own_a], tile_a[6][far_a], tile_b[6][own_b]);
    step(tile_a[7][own_a], tile_a[7][far_a], tile_b[7][own_b]);
    tile_a[DEPTH + k_a][vector_a] = next_a;
    tile_b[DEPTH + k_b][vector_b] = next_b;
    workgroupBarrier();
    if (k + DEPTH >= end) { break; }
    from_a += DEPTH * p.a_inner;
    from_b += DEPTH * p.b_inner;
    next_a = fetch(from_a, k + 2u * DEPTH + k_a < end);
    next_b = fetch(from_b, k + 2u * DEPTH + k_b < end);
    step(tile_a[8][own_a], tile_a[8][far_a], tile_b[8][own_b]);
    step(tile_a[9][own_a], tile_a[9][far_a], tile_b[9][own_b]);
    step(tile_a[10][own_a], tile_a[10][far_a], tile_b[10][own_b]);
    step(tile_a[11][own_a], tile_a[11][far_a], tile_b[11][own_b]);
    step(tile_a[12][own_a], tile_a[12][far_a], tile_b[12][own_b]);
    step(tile_a[13][own_a], tile_a[13][far_a], tile_b[13][own_b]);
    step(tile_a[14][own_a], tile_a[14][far_a], tile_b[14][own_b]);
    step(tile_a[15][own_a], tile_a[15][far_a], tile_b[15][own_b]);
    tile_a[k_a][vector_a] = next_a;
    tile_b[k_b][vector_b] = next_b;
    workgroupBarrier();
  }

  let row = first_row + own_a;
  let column = first_column + own_b;
  let beta = bias(column);
  put(out, row, column, x0 + beta);
  put(out, row + VECTORS, column, x1 + beta);
  put(out, row + 2u * VECTORS, column, x2 + beta);
  put(out, row + 3u * VECTORS, column, x3 + beta);
  if (tall) {
    put(out, row + 8u, column, x4 + beta);
    put(out, row + 8u + VECTORS, column, x5 + beta);
    put(out, row + 8u + 2u * VECTORS, column, x6 + beta);
    put(out, row + 8u + 3u * VECTORS, column, x7 + beta);
  }
}
