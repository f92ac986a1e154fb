// Parameters of tiled matrix products, and the work of a tile. A part of those that say
// `with product`.

struct Parameters {
  out: u32, a: u32, b: u32, bias: u32, // words
  rows: u32, columns: u32, inner: u32, // M, N, K
  a_row: u32, a_inner: u32, b_inner: u32, b_column: u32, // words from one to the next
  down: u32, across: u32, tiles: u32, // tiles of one product along M and N, and of all products
  share: u32, batch: u32, // length of the shares that K is split into, and products of a share
  n0: u32, n1: u32, n2: u32, n3: u32, n4: u32, // extents of the batch, and its strides
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32,
  wide: u32, // invocations across a tile, for kernels where that varies
}

override along_a: bool; // whether a is contiguous along K
override along_b: bool;
override biased: bool;

// A tile of a product: its number, word offsets of the result and of both factors, and its share of K.
struct Work { tile: u32, out: u32, a: u32, b: u32, begin: u32, end: u32 }

fn work_of(number: u32) -> Work {
  let product = number / (p.down * p.across);
  let begin = product / p.batch * p.share;
  var rest = product % p.batch;
  let i4 = rest % p.n4; rest /= p.n4;
  let i3 = rest % p.n3; rest /= p.n3;
  let i2 = rest % p.n2; rest /= p.n2;
  let i1 = rest % p.n1; let i0 = rest / p.n1;
  return Work(
    number % (p.down * p.across), p.out + product * p.rows * p.columns,
    p.a + i0 * p.a0 + i1 * p.a1 + i2 * p.a2 + i3 * p.a3 + i4 * p.a4,
    p.b + i0 * p.b0 + i1 * p.b1 + i2 * p.b2 + i3 * p.b3 + i4 * p.b4,
    begin, min(begin + p.share, p.inner),
  );
}
