// out (…,M,N) = a (…,M,K) · b (…,K,N) + bias (N). A workgroup makes a square tile of the product, an invocation 4×4, 8×4
// or 8×8 numbers of it in registers. Both factors pass through workgroup memory, eight places of K at a time and in two
// stages: the next eight are fetched while these are multiplied, and one barrier is enough.
//
// The side of a tile is kept as vectors of four: vector v holds rows v, v + side/4, v + side/2 and v + 3·side/4. So
// neighbouring invocations fetch, and store, neighbouring words, and nothing need be aligned. Rows beyond the last are
// the last once more, and nobody stores what comes of them: within the loop only the end of K is looked at.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, a: u32, b: u32, bias: u32,
  rows: u32, columns: u32, inner: u32, // M, N, K
  a_row: u32, a_inner: u32, b_inner: u32, b_column: u32, // words from one to the next
  down: u32, across: u32, tiles: u32, // tiles of one product either way, and of all together
  share: u32, batch: u32, // K is cut into shares of this length, each with products of its own
  n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, // the batch, and its steps
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32,
}

override side: u32;     // of a tile: 128, 64 or 32; a workgroup has twice as many invocations
override tall: bool;    // whether an invocation has 8 rows, else 4
override wide: bool;    // whether it has 8 columns, else 4; only where it is tall
override along_a: bool; // whether a is contiguous along K, so that neighbouring invocations should fetch along K
override along_b: bool;
override biased: bool;
override vectors = side / 4u;     // along the side of a tile
override stage = 8u * vectors;    // vectors in one stage of one factor

const DEPTH = 8u; // places of K in a stage
const BAND = 8u;  // tiles are walked in bands of eight rows of tiles, so that their factors stay in the cache

var<workgroup> tile_a: array<vec4f, 2u * stage>; // [stage][k][vector]
var<workgroup> tile_b: array<vec4f, 2u * stage>;

// An invocation's numbers: x0…x7 the rows in the columns of its first vector of b, y0…y7 in those of the second.
var<private> x0: vec4f; var<private> x1: vec4f; var<private> x2: vec4f; var<private> x3: vec4f;
var<private> x4: vec4f; var<private> x5: vec4f; var<private> x6: vec4f; var<private> x7: vec4f;
var<private> y0: vec4f; var<private> y1: vec4f; var<private> y2: vec4f; var<private> y3: vec4f;
var<private> y4: vec4f; var<private> y5: vec4f; var<private> y6: vec4f; var<private> y7: vec4f;

// Where vector v of place k lies. Fetched along K, neighbours hold the same v of different k: turning v by k puts them
// into different banks. Only bits that do not overlap are joined, so that compilers see the index in bounds.
fn place(base: u32, k: u32, along: bool) -> u32 { return (base ^ select(0u, k, along)) | (k * vectors); }

// One place of K.
fn step(k: u32, own_a: u32, own_b: u32) {
  let at_a = place(own_a, k, along_a);
  let at_b = place(own_b, k, along_b);
  let a = tile_a[at_a];
  let b = tile_b[at_b];
  x0 = fma(a.xxxx, b, x0); x1 = fma(a.yyyy, b, x1); x2 = fma(a.zzzz, b, x2); x3 = fma(a.wwww, b, x3);
  if (wide) {
    let c = tile_b[at_b | (vectors / 2u)];
    y0 = fma(a.xxxx, c, y0); y1 = fma(a.yyyy, c, y1); y2 = fma(a.zzzz, c, y2); y3 = fma(a.wwww, c, y3);
    let d = tile_a[at_a | (vectors / 2u)];
    y4 = fma(d.xxxx, c, y4); y5 = fma(d.yyyy, c, y5); y6 = fma(d.zzzz, c, y6); y7 = fma(d.wwww, c, y7);
  }
  if (tall) {
    let d = tile_a[at_a | (vectors / 2u)];
    x4 = fma(d.xxxx, b, x4); x5 = fma(d.yyyy, b, x5); x6 = fma(d.zzzz, b, x6); x7 = fma(d.wwww, b, x7);
  }
}

fn fetch(at: vec4u, inside: bool) -> vec4f {
  if (!inside) { return vec4f(); }
  return bitcast<vec4f>(vec4u(heap[at.x], heap[at.y], heap[at.z], heap[at.w]));
}

fn bias(column: u32) -> vec4f {
  if (!biased) { return vec4f(); }
  let at = p.bias + min(column + vec4u(0u, 1u, 2u, 3u) * vectors, vec4u(p.columns - 1u));
  return fetch(at, true);
}

fn put(out: u32, row: u32, column: u32, values: vec4f) {
  if (row >= p.rows) { return; }
  let at = out + row * p.columns + column;
  let words = bitcast<vec4u>(values);
  if (column < p.columns) { heap[at] = words.x; }
  if (column + vectors < p.columns) { heap[at + vectors] = words.y; }
  if (column + 2u * vectors < p.columns) { heap[at + 2u * vectors] = words.z; }
  if (column + 3u * vectors < p.columns) { heap[at + 3u * vectors] = words.w; }
}

@compute @workgroup_size(side * 2u)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= p.tiles) { return; }

  // Which tile of which share of which product.
  let tile = number % (p.down * p.across);
  let band = tile / (BAND * p.across) * BAND;
  let height = min(p.down - band, BAND);
  let first_row = (band + tile % (BAND * p.across) % height) * side;
  let first_column = tile % (BAND * p.across) / height * side;
  let product = number / (p.down * p.across);
  let out = p.out + product * p.rows * p.columns;
  let begin = product / p.batch * p.share;
  let end = min(begin + p.share, p.inner);
  var rest = product % p.batch;
  let i4 = rest % p.n4; rest /= p.n4;
  let i3 = rest % p.n3; rest /= p.n3;
  let i2 = rest % p.n2; rest /= p.n2;
  let i1 = rest % p.n1; let i0 = rest / p.n1;
  let a = p.a + i0 * p.a0 + i1 * p.a1 + i2 * p.a2 + i3 * p.a3 + i4 * p.a4;
  let b = p.b + i0 * p.b0 + i1 * p.b1 + i2 * p.b2 + i3 * p.b3 + i4 * p.b4;

  // What this invocation fetches each time: a vector of either factor at one place of K.
  let quarters = vec4u(0u, 1u, 2u, 3u) * vectors;
  let vector_a = select(lane % vectors, lane / DEPTH, along_a);
  let vector_b = select(lane % vectors, lane / DEPTH, along_b);
  let k_a = select(lane / vectors, lane % DEPTH, along_a);
  let k_b = select(lane / vectors, lane % DEPTH, along_b);
  let to_a = place(vector_a, k_a, along_a);
  let to_b = place(vector_b, k_b, along_b);
  var from_a = a + min(first_row + vector_a + quarters, vec4u(p.rows - 1u)) * p.a_row + (begin + k_a) * p.a_inner;
  var from_b = b + min(first_column + vector_b + quarters, vec4u(p.columns - 1u)) * p.b_column + (begin + k_b) * p.b_inner;

  // What it makes. Eight by four invocations that follow one another make a block, and read few different vectors.
  let blocks = select(vectors, vectors / 2u, wide) / 8u; // of the tile across
  let own_a = (lane / 8u % 4u + lane / (32u * blocks) * 4u) % select(vectors, vectors / 2u, tall);
  let own_b = lane % 8u + lane / 32u % blocks * 8u;

  tile_a[to_a] = fetch(from_a, begin + k_a < end);
  tile_b[to_b] = fetch(from_b, begin + k_b < end);
  workgroupBarrier();
  for (var k = begin; k < end; k += DEPTH) {
    from_a += DEPTH * p.a_inner;
    from_b += DEPTH * p.b_inner;
    let next_a = fetch(from_a, k + DEPTH + k_a < end);
    let next_b = fetch(from_b, k + DEPTH + k_b < end);
    let here = (k - begin) / DEPTH % 2u * stage;
    let at_a = here | own_a;
    let at_b = here | own_b;
    step(0u, at_a, at_b);
    step(1u, at_a, at_b);
    step(2u, at_a, at_b);
    step(3u, at_a, at_b);
    step(4u, at_a, at_b);
    step(5u, at_a, at_b);
    step(6u, at_a, at_b);
    step(7u, at_a, at_b);
    tile_a[(stage - here) | to_a] = next_a;
    tile_b[(stage - here) | to_b] = next_b;
    workgroupBarrier();
  }

  let row = first_row + own_a;
  let column = first_column + own_b;
  let bias_x = bias(column);
  put(out, row, column, x0 + bias_x);
  put(out, row + vectors, column, x1 + bias_x);
  put(out, row + 2u * vectors, column, x2 + bias_x);
  put(out, row + 3u * vectors, column, x3 + bias_x);
  if (tall) {
    put(out, row + vectors / 2u, column, x4 + bias_x);
    put(out, row + vectors / 2u + vectors, column, x5 + bias_x);
    put(out, row + vectors / 2u + 2u * vectors, column, x6 + bias_x);
    put(out, row + vectors / 2u + 3u * vectors, column, x7 + bias_x);
  }
  if (wide) {
    let right = column + vectors / 2u;
    let bias_y = bias(right);
    put(out, row, right, y0 + bias_y);
    put(out, row + vectors, right, y1 + bias_y);
    put(out, row + 2u * vectors, right, y2 + bias_y);
    put(out, row + 3u * vectors, right, y3 + bias_y);
    put(out, row + vectors / 2u, right, y4 + bias_y);
    put(out, row + vectors / 2u + vectors, right, y5 + bias_y);
    put(out, row + vectors / 2u + 2u * vectors, right, y6 + bias_y);
    put(out, row + vectors / 2u + 3u * vectors, right, y7 + bias_y);
  }
}
