// out (…,M,N) = a (…,M,K) · b (…,K,N) + bias (N), any strides of a and b, out rows contiguous.
//
// Blocks of b are packed into panels of 8 columns and blocks of a into panels of 4 rows, zero padded; a tile of 4×8
// results stays in 8 registers while K runs (Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix
// Multiplication"). What is left over has tiles of its own with 8 registers too: 1×32, 2×16, 3×8 and 8×4. Few rows
// read b as it lies: packing would cost more than it saves.
#include "tiles.h"

// Few rows, b's rows contiguous: b is read as it lies, the last columns by a tile that overlaps the one before.
static void direct(const Product *p) {
  W i = 0;
  for (; i + 4 <= p->M; i += 4) {
    W j = 0;
    for (; j + 8 <= p->N; j += 8) direct_4x2(p, i, j);
    if (j + 4 <= p->N) direct_4x1(p, i, j), j += 4;
    if (j < p->N) direct_4x1(p, i, p->N - 4);
  }
  W j = 0, left = p->M - i;
  if (left == 3) {
    for (; j + 8 <= p->N; j += 8) direct_3x2(p, i, j);
    for (; j + 4 <= p->N; j += 4) direct_3x1(p, i, j);
    if (j < p->N) direct_3x1(p, i, p->N - 4);
  } else if (left == 2) {
    for (; j + 16 <= p->N; j += 16) direct_2x4(p, i, j);
    for (; j + 4 <= p->N; j += 4) direct_2x1(p, i, j);
    if (j < p->N) direct_2x1(p, i, p->N - 4);
  } else if (left == 1) {
    for (; j + 32 <= p->N; j += 32) direct_1x8(p, i, j);
    for (; j + 4 <= p->N; j += 4) direct_1x1(p, i, j);
    if (j < p->N) direct_1x1(p, i, p->N - 4);
  }
}

static void dotted(const Product *p) {
  W i = 0;
  for (; i + 4 <= p->M; i += 4) {
    W j = 0;
    for (; j + 2 <= p->N; j += 2) dots_4x2(p, i, j);
    if (j < p->N) dots_4x1(p, i, j);
  }
  for (; i + 2 <= p->M; i += 2) {
    W j = 0;
    for (; j + 4 <= p->N; j += 4) dots_2x4(p, i, j);
    for (; j < p->N; j++) dots_2x1(p, i, j);
  }
  if (i < p->M) {
    W j = 0;
    for (; j + 8 <= p->N; j += 8) dots_1x8(p, i, j);
    for (; j < p->N; j++) dots_1x1(p, i, j);
  }
}

// to[k][width] = from[w·major + k·minor] for w < n, 0 beyond: one panel of `width` (4 or 8) rows or columns.
INLINE void pack_panel(float *to, int width, const float *from, W n, W major, W minor, W K) {
  W k = 0;
  if (n == width && major == 1) {
    for (; k < K; k++, to += width, from += minor) {
      UNROLL for (int w = 0; w < width; w += 4) store(to + w, load(from + w));
    }
  } else if (n == width && minor == 1) {
    for (; k + 4 <= K; k += 4, to += 4 * width) {
      UNROLL for (int w = 0; w < width; w += 4) {
        f4 r[4];
        UNROLL for (int i = 0; i < 4; i++) r[i] = load(from + (w + i) * major + k);
        transpose4(r);
        UNROLL for (int i = 0; i < 4; i++) store(to + i * width + w, r[i]);
      }
    }
    from += k;
  }
  for (; k < K; k++, to += width, from += minor) {
    UNROLL for (int w = 0; w < width; w++) to[w] = w < n ? from[w * major] : 0;
  }
}

static __attribute__((noinline)) void pack4(float *to, const float *from, W n, W major, W minor, W K) {
  pack_panel(to, 4, from, n, major, minor, K);
}
static __attribute__((noinline)) void pack8(float *to, const float *from, W n, W major, W minor, W K) {
  pack_panel(to, 8, from, n, major, minor, K);
}

// The rows of a packed block of a times one to four panels of 8 columns.
static void panels_wide(const float *a, const float *b, W M, W K, W nr, float *c, W ldc, const float *bias, int first) {
  W i = 0;
  for (; i + 4 <= M; i += 4) packed_4x2(K, a + i * K, b, 0, c + i * ldc, ldc, nr, bias, first);
  if (M - i == 3) packed_3x2(K, a + i * K, b, 0, c + i * ldc, ldc, nr, bias, first);
}

static void panels_rest(const float *a, const float *b, W rows, W K, W N, float *c, W ldc, const float *bias,
                        int first) {
  W j = 0;
  if (rows == 1) {
    for (; j + 32 <= N; j += 32) packed_1x8(K, a, b + j * K, 8 * K, c + j, ldc, 32, bias ? bias + j : 0, first);
    for (; j < N; j += 8) packed_1x2(K, a, b + j * K, 0, c + j, ldc, N - j, bias ? bias + j : 0, first);
  } else {
    for (; j + 16 <= N; j += 16) packed_2x4(K, a, b + j * K, 8 * K, c + j, ldc, 16, bias ? bias + j : 0, first);
    for (; j < N; j += 8) packed_2x2(K, a, b + j * K, 0, c + j, ldc, N - j, bias ? bias + j : 0, first);
  }
}

static void panels_narrow(const float *a, const float *b, W M, W K, W nr, float *c, W ldc, const float *bias,
                          int first) {
  W i = 0;
  for (; i + 8 <= M; i += 8) narrow_8(K, a + i * K, 4 * K, b, c + i * ldc, ldc, nr, bias, first);
  for (; i + 4 <= M; i += 4) narrow_4(K, a + i * K, b, c + i * ldc, ldc, nr, bias, first);
  if (M - i == 3) narrow_3(K, a + i * K, b, c + i * ldc, ldc, nr, bias, first);
  if (M - i == 2) narrow_2(K, a + i * K, b, c + i * ldc, ldc, nr, bias, first);
  if (M - i == 1) narrow_1(K, a + i * K, b, c + i * ldc, ldc, nr, bias, first);
}

// One packed block of a (M×K) times one of b (K×N), N's last 1 to 4 columns in a panel of 4.
static void block(const float *a, const float *b, W M, W K, W N, float *c, W ldc, const float *bias, int first) {
  W wide = N & 7 && (N & 7) <= 4 ? N & ~(W)7 : N;
  for (W j = 0; j < wide; j += 8) {
    panels_wide(a, b + j * K, M, K, wide - j, c + j, ldc, bias ? bias + j : 0, first);
  }
  if ((M & 3) == 1 || (M & 3) == 2) {
    W i = M & ~(W)3;
    panels_rest(a + i * K, b, M & 3, K, wide, c + i * ldc, ldc, bias, first);
  }
  if (wide < N) panels_narrow(a, b + wide * K, M, K, N - wide, c + wide, ldc, bias ? bias + wide : 0, first);
}

// Extent of the blocks that cut `n` into equal parts of at most `most`, each a multiple of `unit` but the last.
INLINE W part(W n, W most, W unit) {
  W parts = (n + most - 1) / most;
  return parts < 2 ? n : ((n + parts - 1) / parts + unit - 1) / unit * unit;
}

static void packed(const Product *p, float *scratch) {
  float *bpack = scratch, *apack = scratch + KC * NC;
  W kc = part(p->K, KC, 8), mc = part(p->M, MC, 8), nc = part(p->N, NC, 16);
  for (W jc = 0; jc < p->N; jc += nc) {
    W N = p->N - jc < nc ? p->N - jc : nc;
    const float *bias = p->bias ? p->bias + jc : 0;
    for (W pc = 0; pc < p->K; pc += kc) {
      W K = p->K - pc < kc ? p->K - pc : kc;
      const float *b = p->b + pc * p->rsb + jc * p->csb;
      for (W j = 0; j < N; j += 8) {
        W n = N - j < 8 ? N - j : 8;
        (n <= 4 ? pack4 : pack8)(bpack + j * K, b + j * p->csb, n, p->csb, p->rsb, K);
      }
      for (W ic = 0; ic < p->M; ic += mc) {
        W M = p->M - ic < mc ? p->M - ic : mc;
        const float *from = p->a + ic * p->rsa + pc * p->csa;
        for (W i = 0; i < M; i += 4) pack4(apack + i * K, from + i * p->rsa, M - i < 4 ? M - i : 4, p->rsa, p->csa, K);
        block(apack, bpack, M, K, N, p->out + ic * p->ldc + jc, p->ldc, bias, pc == 0);
      }
    }
  }
}

// Few columns, a's rows contiguous: b is turned, so that every result is a sum along two contiguous rows.
static void slim(Product *p, float *scratch) {
  if (p->rsb != 1) {
    for (W j = 0; j < p->N; j++) for (W k = 0; k < p->K; k++) scratch[j * p->K + k] = p->b[k * p->rsb + j * p->csb];
    p->b = scratch;
    p->rsb = 1;
    p->csb = p->K;
  }
  dotted(p);
}

static Product transposed(const Product *p) {
  return (Product){p->b, p->a, 0, p->out, p->N, p->M, p->K, p->csb, p->rsb, p->csa, p->rsa, p->ldc, !p->turned};
}

static void product(Product *p, float *scratch) {
  if (p->N == 1 && p->ldc == 1 && !p->bias) {  // a column is the row of the transposed product
    *p = transposed(p);
    p->turned = 0;
    p->ldc = p->N;
  }
  if (p->M <= 3 && p->csa == 1 && p->rsb == 1) {
    dotted(p);
  } else if ((p->M <= FEW || p->K <= THIN) && p->csb == 1 && p->N >= 4) {
    direct(p);
  } else if (p->N <= SLIM && p->N != 8 && p->csa == 1 && p->K >= SLIM && p->N * p->K <= KC * NC) {
    slim(p, scratch);
  } else if (p->N <= SLIM && p->N != 8 && p->rsa == 1 && p->M >= 4 && !p->bias) {
    *p = transposed(p);
    direct(p);
  } else if (p->K == 0) {
    for (W i = 0; i < p->M; i++) for (W j = 0; j < p->N; j++) p->out[i * p->ldc + j] = p->bias ? p->bias[j] : 0;
  } else {
    packed(p, scratch);
  }
}

// out a b bias M N K rsa csa rsb csb scratch · outer extents B0 B1 · a's strides · b's strides · out's strides
void op_matmul(const W *a) {
  Product p = {IN(1), IN(2), IN(3), OUT(0), a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[5], 0};
  for (W i = 0; i < a[12]; i++) {
    for (W j = 0; j < a[13]; j++) {
      Product one = p;
      one.a += i * a[14] + j * a[15];
      one.b += i * a[16] + j * a[17];
      one.out += i * a[18] + j * a[19];
      product(&one, OUT(11));
    }
  }
}
