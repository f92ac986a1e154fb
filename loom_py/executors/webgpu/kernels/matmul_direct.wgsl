// Products without workgroup memory: 4×4 numbers an invocation, whose factors come straight from the heap. For processors
// that play a GPU, which pay for every barrier and every exchange, and have caches of their own.
// with epilogue

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
  wide: u32, // invocations side by side in a tile
}

override along_a: bool; // as of the other kernels; where invocations fetch makes no difference here
override along_b: bool;
override biased: bool;

var<private> x0: vec4f; var<private> x1: vec4f; var<private> x2: vec4f; var<private> x3: vec4f;

fn fetch(at: vec4u) -> vec4f {
  return bitcast<vec4f>(vec4u(heap[at.x], heap[at.y], heap[at.z], heap[at.w]));
}

fn step(a: vec4f, b: vec4f) {
  x0 = fma(a.xxxx, b, x0); x1 = fma(a.yyyy, b, x1); x2 = fma(a.zzzz, b, x2); x3 = fma(a.wwww, b, x3);
}

fn put(out: u32, row: u32, column: u32, values: vec4f) {
  if (row >= p.rows) { return; }
  let at = out + row * p.columns + column;
  let words = finished(bitcast<vec4u>(values));
  heap[at] = words.x;
  if (column + 1u < p.columns) { heap[at + 1u] = words.y; }
  if (column + 2u < p.columns) { heap[at + 2u] = words.z; }
  if (column + 3u < p.columns) { heap[at + 3u] = words.w; }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  let tile = number % (p.down * p.across);
  let high = 64u / p.wide;
  let row = (tile / p.across * high + lane / p.wide) * 4u;
  let column = (tile % p.across * p.wide + lane % p.wide) * 4u;
  if (number >= p.tiles || lane >= high * p.wide || row >= p.rows || column >= p.columns) { return; }
  let product = number / (p.down * p.across);
  let begin = product / p.batch * p.share;
  let end = min(begin + p.share, p.inner);
  var rest = product % p.batch;
  let i4 = rest % p.n4; rest /= p.n4;
  let i3 = rest % p.n3; rest /= p.n3;
  let i2 = rest % p.n2; rest /= p.n2;
  let i1 = rest % p.n1; let i0 = rest / p.n1;
  let a = p.a + i0 * p.a0 + i1 * p.a1 + i2 * p.a2 + i3 * p.a3 + i4 * p.a4;
  let b = p.b + i0 * p.b0 + i1 * p.b1 + i2 * p.b2 + i3 * p.b3 + i4 * p.b4;
  var from_a = a + min(row + vec4u(0u, 1u, 2u, 3u), vec4u(p.rows - 1u)) * p.a_row + begin * p.a_inner;
  var from_b = b + min(column + vec4u(0u, 1u, 2u, 3u), vec4u(p.columns - 1u)) * p.b_column + begin * p.b_inner;
  var k = begin;
  for (; k + 4u <= end; k += 4u) {
    step(fetch(from_a), fetch(from_b));
    step(fetch(from_a + p.a_inner), fetch(from_b + p.b_inner));
    step(fetch(from_a + 2u * p.a_inner), fetch(from_b + 2u * p.b_inner));
    step(fetch(from_a + 3u * p.a_inner), fetch(from_b + 3u * p.b_inner));
    from_a += 4u * p.a_inner;
    from_b += 4u * p.b_inner;
  }
  for (; k < end; k++) {
    step(fetch(from_a), fetch(from_b));
    from_a += p.a_inner;
    from_b += p.b_inner;
  }
  var beta = vec4f();
  if (biased) { beta = fetch(p.bias + min(column + vec4u(0u, 1u, 2u, 3u), vec4u(p.columns - 1u))); }
  let out = p.out + product * p.rows * p.columns;
  put(out, row, column, x0 + beta);
  put(out, row + 1u, column, x1 + beta);
  put(out, row + 2u, column, x2 + beta);
  put(out, row + 3u, column, x3 + beta);
}
