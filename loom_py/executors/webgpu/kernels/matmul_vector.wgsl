// out (…,N) = x (…,K) · matrix (…,K,N) + bias: products with a single row or column. Only x is used more than once, so all
// that counts is to read the matrix contiguously, by many lanes.
// with epilogue

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, matrix: u32, bias: u32,
  size: u32, inner: u32, // N, K
  x_inner: u32, inner_step: u32, step: u32, bias_step: u32, // words from one to the next, of the matrix along K and N
  blocks: u32, groups: u32, // workgroups for one product, and for all
  share: u32, batch: u32, // length of the shares that K is split into, and products of a share
  n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, // extents of the batch, and its strides
  x0: u32, x1: u32, x2: u32, x3: u32, x4: u32,
  m0: u32, m1: u32, m2: u32, m3: u32, m4: u32,
}

override along: bool; // whether the matrix is contiguous along K, so that neighbouring lanes should read along K
override lanes: u32;  // for each number: a power of two
override numbers = 256u / lanes;
override biased: bool;

var<workgroup> sums: array<f32, 256>;

fn term(x: u32, matrix: u32, k: u32) -> f32 {
  return bitcast<f32>(heap[x + k * p.x_inner]) * bitcast<f32>(heap[matrix + k * p.inner_step]);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= p.groups) { return; }
  let first = select(lane / numbers, lane % lanes, along);
  let own = select(lane % numbers, lane / lanes, along);
  let i = number % p.blocks * numbers + own;
  let product = number / p.blocks;
  let out = p.out + product * p.size + i;
  let begin = product / p.batch * p.share;
  let end = min(begin + p.share, p.inner);
  var rest = product % p.batch;
  let i4 = rest % p.n4; rest /= p.n4;
  let i3 = rest % p.n3; rest /= p.n3;
  let i2 = rest % p.n2; rest /= p.n2;
  let i1 = rest % p.n1; let i0 = rest / p.n1;
  let x = p.x + i0 * p.x0 + i1 * p.x1 + i2 * p.x2 + i3 * p.x3 + i4 * p.x4;
  let matrix = p.matrix + i0 * p.m0 + i1 * p.m1 + i2 * p.m2 + i3 * p.m3 + i4 * p.m4 + min(i, p.size - 1u) * p.step;

  // Four separate sums, so that four reads are in flight at a time.
  var s = vec4f();
  var k = begin + first;
  for (; k + 3u * lanes < end; k += 4u * lanes) {
    s += vec4f(
      term(x, matrix, k), term(x, matrix, k + lanes), term(x, matrix, k + 2u * lanes), term(x, matrix, k + 3u * lanes),
    );
  }
  for (; k < end; k += lanes) { s.x += term(x, matrix, k); }
  sums[first * numbers + own] = s.x + s.y + s.z + s.w;
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (first < half) { sums[first * numbers + own] += sums[(first + half) * numbers + own]; }
  }
  if (first == 0u && i < p.size) {
    var y = sums[own];
    if (biased) { y += bitcast<f32>(heap[p.bias + i * p.bias_step]); }
    heap[out] = activated(bitcast<u32>(y));
  }
}
