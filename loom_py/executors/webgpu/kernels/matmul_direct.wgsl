// Products without workgroup memory: 4×4 numbers an invocation, factors read straight from the heap. For software
// renderers, which pay for every barrier and exchange and have caches of their own.
// with product
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

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
  let work = work_of(number);
  let tile = work.tile;
  let high = 64u / p.wide;
  let row = (tile / p.across * high + lane / p.wide) * 4u;
  let column = (tile % p.across * p.wide + lane % p.wide) * 4u;
  if (number >= p.tiles || lane >= high * p.wide || row >= p.rows || column >= p.columns) { return; }
  let begin = work.begin;
  let end = work.end;
  let a = work.a;
  let b = work.b;
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
  let out = work.out;
  put(out, row, column, x0 + beta);
  put(out, row + 1u, column, x1 + beta);
  put(out, row + 2u, column, x2 + beta);
  put(out, row + 3u, column, x3 + beta);
}
