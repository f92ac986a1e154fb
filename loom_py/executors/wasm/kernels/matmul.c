// out (…,M,N) = a (…,M,K) · b (…,K,N) + bias (N), any strides of a and b, out rows contiguous.
//
// Blocks of b are packed into panels of 12 columns and blocks of a into panels of 3 rows, zero padded; a tile of 3×12
// results stays in 9 registers while K runs (Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix
// Multiplication"). The last columns have a panel of their own, 4 or 8 wide. For few rows, b is read in place: packing would
// cost more than it saves.
#include "elementwise.h"
#include "tiles.h"

// Few rows, b's rows contiguous: b is read in place, the last columns by a tile that overlaps the one before.
static void direct(const Product *p) {
#define ROWS(MR, NV)                                                                                                   \
  {                                                                                                                    \
    W j = 0;                                                                                                           \
    for (; j + 4 * NV <= p->N; j += 4 * NV) direct_##MR##x##NV(p, i, j);                                               \
    for (; j + 4 <= p->N; j += 4) direct_##MR##x1(p, i, j);                                                            \
    if (j < p->N) direct_##MR##x1(p, i, p->N - 4);                                                                     \
    i += MR;                                                                                                           \
  }
  W i = 0;
  while (p->M - i == 3 || p->M - i > 4) ROWS(3, 3)
  if (p->M - i == 4) ROWS(4, 2)
  if (p->M - i == 2) ROWS(2, 4)
  if (p->M - i == 1) ROWS(1, 8)
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

// to[k][width] = from[w·major + k·minor] for w < n, 0 beyond: one panel of `width` (4, 8 or 12) columns.
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
    for (int w = 0; w < width; w++) to[w] = w < n ? from[w * major] : 0;
  }
}

static __attribute__((noinline)) void pack_4(float *to, const float *from, W n, W major, W minor, W K) {
  pack_panel(to, 4, from, n, major, minor, K);
}
static __attribute__((noinline)) void pack_8(float *to, const float *from, W n, W major, W minor, W K) {
  pack_panel(to, 8, from, n, major, minor, K);
}
static __attribute__((noinline)) void pack_12(float *to, const float *from, W n, W major, W minor, W K) {
  pack_panel(to, WIDE, from, n, major, minor, K);
}

// A panel of 3 rows; n rows are left, possibly more than 3.
static __attribute__((noinline)) void pack_3(float *to, const float *from, W n, W major, W minor, W K) {
  W k = 0;
  if (n > 3 && major == 1) {
    for (; k < K; k++) store(to + 3 * k, load(from + k * minor));  // the fourth value is overwritten by the next
    return;
  }
  if (n >= 3 && minor == 1) {
    for (; k + 4 <= K; k += 4, to += 12) {
      f4 a = load(from + k), b = load(from + major + k), c = load(from + 2 * major + k);
      f4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), bc = __builtin_shufflevector(b, c, 1, 5, 2, 6);
      f4 ca = __builtin_shufflevector(c, a, 2, 7, 2, 7);
      store(to, __builtin_shufflevector(ab, c, 0, 1, 4, 2));
      store(to + 4, __builtin_shufflevector(bc, a, 0, 1, 6, 2));
      f4 bd = __builtin_shufflevector(b, c, 3, 7, 3, 7);
      store(to + 8, __builtin_shufflevector(ca, bd, 0, 1, 4, 5));
    }
    from += k;
  }
  for (; k < K; k++, to += 3, from += minor) {
    to[0] = from[0];
    to[1] = n > 1 ? from[major] : 0;
    to[2] = n > 2 ? from[2 * major] : 0;
  }
}

// Number of columns in wide panels; up to 8 others are in a panel of their own.
INLINE W wide_columns(W N) { return N % WIDE > 8 ? N : N - N % WIDE; }

// One packed block of a (M×K) times one of b (K×N).
static void block(const float *a, const float *b, W M, W K, W N, float *c, W ldc, const float *bias, int first) {
  W wide = wide_columns(N), j = 0;
#define AT(i, j) K, a + (i) * K, b + (j) * K, c + (i) * ldc + (j), ldc
#define BIAS (bias ? bias + j : 0), first
  for (; j < wide; j += WIDE) {
    W i = 0;
    for (; i + 3 <= M; i += 3) packed_3x3(AT(i, j), wide - j, BIAS);
    if (M - i == 2) packed_2x3(AT(i, j), wide - j, BIAS);
  }
  if (M % 3 == 1) {
    j = 0;
    for (; j + 3 * WIDE <= wide; j += 3 * WIDE) packed_1x9(AT(M - 1, j), 3 * WIDE, BIAS);
    for (; j < wide; j += WIDE) packed_1x3(AT(M - 1, j), wide - j, BIAS);
  }
  j = wide;
  W i = 0;
  if (N - wide > 4) {
    for (; i + 3 <= M; i += 3) last_3x2(AT(i, j), N - j, BIAS);
    if (M - i == 2) last_2x2(AT(i, j), N - j, BIAS);
    if (M - i == 1) last_1x2(AT(i, j), N - j, BIAS);
  } else if (N > wide) {
    for (; i + 9 <= M; i += 9) last_9x1(AT(i, j), N - j, BIAS);
    for (; i + 3 <= M; i += 3) last_3x1(AT(i, j), N - j, BIAS);
    if (M - i == 2) last_2x1(AT(i, j), N - j, BIAS);
    if (M - i == 1) last_1x1(AT(i, j), N - j, BIAS);
  }
}

// Size of blocks that divide `n` into equal parts of at most `most`; a multiple of `unit` unless there is only one.
INLINE W part(W n, W most, W unit) {
  W parts = (n + most - 1) / most;
  return parts < 2 ? n : ((n + parts - 1) / parts + unit - 1) / unit * unit;
}

// Packed product; applies the activation to each block while it is in the cache.
static void packed(const Product *p, float *scratch, W function) {
  float *bpack = scratch, *apack = scratch + KC * NC;
  W kc = part(p->K, KC, 4), mc = part(p->M, MC, 9), nc = part(p->N, NC, WIDE);
  for (W jc = 0; jc < p->N; jc += nc) {
    W N = p->N - jc < nc ? p->N - jc : nc, wide = wide_columns(N);
    const float *bias = p->bias ? p->bias + jc : 0;
    for (W pc = 0; pc < p->K; pc += kc) {
      W K = p->K - pc < kc ? p->K - pc : kc, j = 0;
      const float *b = p->b + pc * p->rsb + jc * p->csb;
      for (; j < wide; j += WIDE) {
        pack_12(bpack + j * K, b + j * p->csb, N - j < WIDE ? N - j : WIDE, p->csb, p->rsb, K);
      }
      if (j < N) (N - j > 4 ? pack_8 : pack_4)(bpack + j * K, b + j * p->csb, N - j, p->csb, p->rsb, K);
      for (W ic = 0; ic < p->M; ic += mc) {
        W M = p->M - ic < mc ? p->M - ic : mc;
        const float *a = p->a + ic * p->rsa + pc * p->csa;
        for (W i = 0; i < M; i += HIGH) pack_3(apack + i * K, a + i * p->rsa, M - i, p->rsa, p->csa, K);
        float *out = p->out + ic * p->ldc + jc;
        block(apack, bpack, M, K, N, out, p->ldc, bias, pc == 0);
        if (!function || pc + K < p->K) continue;
        for (W i = 0; i < M; i++) map_function(function, out + i * p->ldc, out + i * p->ldc, N);
      }
    }
  }
}

// Few columns, a's rows contiguous: b is transposed, so that every result is a dot product of contiguous rows.
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
  return (Product){p->b, p->a, 0, p->out, p->N, p->M, p->K, p->csb, p->rsb, p->csa, p->rsa, p->ldc, !p->transposed_out};
}

static void product(Product *p, float *scratch, W function) {
  float *out = p->out;
  W size = p->M * p->N;
  if (p->N == 1 && p->ldc == 1 && !p->bias) {  // a column is the row of the transposed product
    *p = transposed(p);
    p->transposed_out = 0;
    p->ldc = p->N;
  }
  if (p->M <= 3 && p->csa == 1 && p->rsb == 1) {
    dotted(p);
  } else if ((p->M <= FEW || p->K <= THIN) && p->csb == 1 && p->N >= 4) {
    direct(p);
  } else if (p->N <= SLIM && p->csa == 1 && p->K >= SLIM && p->N * p->K <= KC * NC) {
    slim(p, scratch);
  } else if (p->N <= SLIM && p->rsa == 1 && p->M >= 4 && !p->bias) {
    *p = transposed(p);
    direct(p);
  } else if (p->K == 0) {
    for (W i = 0; i < p->M; i++) for (W j = 0; j < p->N; j++) p->out[i * p->ldc + j] = p->bias ? p->bias[j] : 0;
  } else {
    packed(p, scratch, function);
    return;
  }
  if (function) map_function(function, out, out, size);
}

// out a b bias M N K rsa csa rsb csb scratch · outer extents B0 B1 · a's strides · b's strides · out's strides · function
void op_matmul(const W *a) {
  Product p = {IN(1), IN(2), IN(3), OUT(0), a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[5], 0};
  for (W i = 0; i < a[12]; i++) {
    for (W j = 0; j < a[13]; j++) {
      Product one = p;
      one.a += i * a[14] + j * a[15];
      one.b += i * a[16] + j * a[17];
      one.out += i * a[18] + j * a[19];
      product(&one, OUT(11), a[20]);
    }
  }
}
