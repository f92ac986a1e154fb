// Products without workgroup memory, by blocks of 4×4 numbers, factors read four numbers at a time; requires offsets,
// strides and extents divisible by four. An invocation makes 8×8 numbers, so that each number read serves eight products.
// For software renderers, which pay for every barrier and every read, and devices with good caches.
// with product
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<vec4u>; // four words at a time
@group(0) @binding(1) var<uniform> p: Parameters;

fn fetch(word: u32) -> vec4f { return bitcast<vec4f>(heap[word / 4u]); }

fn fetch_block(words: vec4u) -> mat4x4f {
  return mat4x4f(fetch(words.x), fetch(words.y), fetch(words.z), fetch(words.w));
}

// Where the first block of four lines begins: a line each, or a place of K each. Lines beyond the last are the last.
fn first_block(start: u32, line: u32, lines: u32, step: u32, inner: u32, along: bool) -> vec4u {
  let four = vec4u(0u, 1u, 2u, 3u);
  if (along) { return start + min(line + four, vec4u(lines - 1u)) * step; }
  return start + min(line, lines - 4u) + four * inner;
}

// Blocks of a have a row of it in each column, blocks of b a place of K; so b's times a's has a row of the result.
fn fetch_a(words: vec4u) -> mat4x4f {
  if (along_a) { return fetch_block(words); }
  return transpose(fetch_block(words));
}
fn fetch_b(words: vec4u) -> mat4x4f {
  if (along_b) { return transpose(fetch_block(words)); }
  return fetch_block(words);
}

fn put(out: u32, row: u32, column: u32, block: mat4x4f, beta: vec4f) {
  if (column >= p.columns) { return; }
  let at = (out + row * p.columns + column) / 4u;
  let step = p.columns / 4u;
  heap[at] = finished(bitcast<vec4u>(block[0] + beta));
  if (row + 1u < p.rows) { heap[at + step] = finished(bitcast<vec4u>(block[1] + beta)); }
  if (row + 2u < p.rows) { heap[at + 2u * step] = finished(bitcast<vec4u>(block[2] + beta)); }
  if (row + 3u < p.rows) { heap[at + 3u * step] = finished(bitcast<vec4u>(block[3] + beta)); }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  let work = work_of(number);
  let tile = work.tile;
  let high = 64u / p.wide;
  let row = (tile / p.across * high + lane / p.wide) * 8u;
  let column = (tile % p.across * p.wide + lane % p.wide) * 8u;
  if (number >= p.tiles || lane >= high * p.wide || row >= p.rows || column >= p.columns) { return; }
  let begin = work.begin;
  let end = work.end;
  let a = work.a + work.begin * p.a_inner;
  let b = work.b + work.begin * p.b_inner;
  var upper_a = first_block(a, row, p.rows, p.a_row, p.a_inner, along_a);
  var lower_a = first_block(a, row + 4u, p.rows, p.a_row, p.a_inner, along_a);
  var left_b = first_block(b, column, p.columns, p.b_column, p.b_inner, along_b);
  var right_b = first_block(b, column + 4u, p.columns, p.b_column, p.b_inner, along_b);
  let step_a = 4u * p.a_inner;
  let step_b = 4u * p.b_inner;

  var upper_left = mat4x4f(); var upper_right = mat4x4f();
  var lower_left = mat4x4f(); var lower_right = mat4x4f();
  for (var k = begin; k < end; k += 4u) {
    let upper = fetch_a(upper_a);
    let lower = fetch_a(lower_a);
    let left = fetch_b(left_b);
    let right = fetch_b(right_b);
    upper_left += left * upper; upper_right += right * upper;
    lower_left += left * lower; lower_right += right * lower;
    upper_a += step_a; lower_a += step_a;
    left_b += step_b; right_b += step_b;
  }

  var beta_left = vec4f(); var beta_right = vec4f();
  if (biased) {
    beta_left = fetch(p.bias + column);
    beta_right = fetch(p.bias + min(column + 4u, p.columns - 4u));
  }
  let out = work.out;
  put(out, row, column, upper_left, beta_left);
  put(out, row, column + 4u, upper_right, beta_right);
  if (row + 4u >= p.rows) { return; }
  put(out, row + 4u, column, lower_left, beta_left);
  put(out, row + 4u, column + 4u, lower_right, beta_right);
}
