// Tiles of matrix products, whose results stay in registers while K runs.
#pragma once
#include "loom.h"

// A tile has 9 registers of results, 3 for the rows' values and one for b's. Measured in Chromium: 9 registers of results
// reach 54 of 57 GFLOP/s, 8 only 47 (multipliers idle at times), 10 only 32 (more than x86's 16 registers).
enum { HIGH = 3, WIDE = 12 };

// Extents of packed blocks. FEW rows, or sums of up to THIN terms, read b in place; up to SLIM columns are computed without
// packing.
enum { KC = 256, MC = 144, NC = 516, FEW = 8, SLIM = 12, THIN = 4 };

typedef struct {
  const float *a, *b, *bias;
  float *out;
  W M, N, K, rsa, csa, rsb, csb, ldc;
  int transposed_out;  // whether out is transposed: columns contiguous, with stride ldc
} Product;

// Stores a tile's results in c, adds them to c, or to the bias; only nr columns exist.
INLINE void finish(int mr, int nv, f4 acc[9][9], float *c, W ldc, W nr, const float *bias, int first) {
  UNROLL for (int j = 0; j < nv; j++) {
    W n = nr - 4 * j;
    if (n >= 4) {
      f4 start = bias ? load(bias + 4 * j) : splat(0);
      UNROLL for (int i = 0; i < mr; i++) {
        float *at = c + i * ldc + 4 * j;
        store(at, acc[i][j] + (first ? start : load(at)));
      }
    } else if (n > 0) {
      f4 start = bias ? load_some(bias + 4 * j, n, 0) : splat(0);
      UNROLL for (int i = 0; i < mr; i++) {
        float *at = c + i * ldc + 4 * j;
        store_some(at, n, acc[i][j] + (first ? start : load_some(at, n, 0)));
      }
    }
  }
}

// acc[i][j] = Σ a[i·rsa + k·csa] · b[j/per·panel + j%per·4 + k·ldb]: nv vectors from panels of `per` vectors, mr rows.
//
// A multiply-add can overwrite its first factor if that is no longer needed, which saves a copy: so in products of the last
// row and the last vector, the factor that is used for the last time comes first.
INLINE void accumulate(int mr, int nv, W K, const float *a, W rsa, W csa, const float *b, int per, W panel, W ldb,
                       f4 acc[9][9]) {
  UNROLL for (int i = 0; i < mr; i++) UNROLL for (int j = 0; j < nv; j++) acc[i][j] = splat(0);
  _Pragma("clang loop unroll(disable)") for (W k = 0; k < K; k++, a += csa, b += ldb) {
    f4 x[4];
    if (nv > 1) {
      UNROLL for (int i = 0; i < mr; i++) x[i] = splat(a[i * rsa]);
    }
    UNROLL for (int j = 0; j < nv; j++) {
      f4 row = load(b + j / per * panel + j % per * 4);
      UNROLL for (int i = 0; i < mr; i++) {
        if (nv == 1) acc[i][j] = fma4(splat(a[i / HIGH * panel + i % HIGH * rsa]), row, acc[i][j]);
        else acc[i][j] = j == nv - 1 ? fma4(x[i], row, acc[i][j]) : fma4(row, x[i], acc[i][j]);
      }
    }
  }
}

#define PACKED_TILE(MR, NV)                                                                                            \
  static __attribute__((noinline)) void packed_##MR##x##NV(W K, const float *a, const float *b, float *c, W ldc, W nr, \
                                                           const float *bias, int first) {                             \
    f4 acc[9][9];                                                                                                      \
    accumulate(MR, NV, K, a, 1, HIGH, b, 3, WIDE *K, WIDE, acc);                                                       \
    finish(MR, NV, acc, c, ldc, nr, bias, first);                                                                      \
  }
PACKED_TILE(3, 3)
PACKED_TILE(2, 3)
PACKED_TILE(1, 9)
PACKED_TILE(1, 3)

// The last columns: up to 8 in a panel of width 8, up to 4 in one of width 4 with tiles of 9 rows (three panels of a).
#define LAST_TILE(MR, NV)                                                                                              \
  static __attribute__((noinline)) void last_##MR##x##NV(W K, const float *a, const float *b, float *c, W ldc, W nr,   \
                                                         const float *bias, int first) {                               \
    f4 acc[9][9];                                                                                                      \
    accumulate(MR, NV, K, a, 1, HIGH, b, NV, HIGH *K, 4 * NV, acc);                                                    \
    finish(MR, NV, acc, c, ldc, nr, bias, first);                                                                      \
  }
LAST_TILE(3, 2)
LAST_TILE(2, 2)
LAST_TILE(1, 2)
LAST_TILE(9, 1)
LAST_TILE(3, 1)
LAST_TILE(2, 1)
LAST_TILE(1, 1)

// Stores a tile whose rows are columns of out, c the first.
INLINE void finish_transposed(int mr, int nv, f4 acc[9][9], float *c, W ldc) {
  UNROLL for (int j = 0; j < nv; j++) {
    f4 v[4];
    UNROLL for (int i = 0; i < 4; i++) v[i] = i < mr ? acc[i][j] : splat(0);
    transpose4(v);
    UNROLL for (int i = 0; i < 4; i++) {
      if (mr == 4) store(c + (4 * j + i) * ldc, v[i]);
      else store_some(c + (4 * j + i) * ldc, mr, v[i]);
    }
  }
}

#define DIRECT_TILE(MR, NV)                                                                                            \
  static __attribute__((noinline)) void direct_##MR##x##NV(const Product *p, W i, W j) {                               \
    f4 acc[9][9];                                                                                                      \
    accumulate(MR, NV, p->K, p->a + i * p->rsa, p->rsa, p->csa, p->b + j, 9, 3 * p->rsa, p->rsb, acc);                 \
    if (p->transposed_out) finish_transposed(MR, NV, acc, p->out + j * p->ldc + i, p->ldc);                            \
    else finish(MR, NV, acc, p->out + i * p->ldc + j, p->ldc, 4 * NV, p->bias ? p->bias + j : 0, 1);                   \
  }
DIRECT_TILE(4, 2)
DIRECT_TILE(3, 3)
DIRECT_TILE(2, 4)
DIRECT_TILE(1, 8)
DIRECT_TILE(4, 1)
DIRECT_TILE(3, 1)
DIRECT_TILE(2, 1)
DIRECT_TILE(1, 1)

// out[i][j] = Σ a[i][k] · b[j][k] with k contiguous in both; only nr of the nv columns exist.
INLINE void dots(int mr, int nv, const Product *p, W i, W j) {
  f4 acc[4][8];
  const float *a = p->a + i * p->rsa, *b = p->b + j * p->csb;
  UNROLL for (int r = 0; r < mr; r++) UNROLL for (int c = 0; c < nv; c++) acc[r][c] = splat(0);
  W k = 0;
  _Pragma("clang loop unroll(disable)") for (; k + 4 <= p->K; k += 4) {
    f4 x[4];
    UNROLL for (int r = 0; r < mr; r++) x[r] = load(a + r * p->rsa + k);
    UNROLL for (int c = 0; c < nv; c++) {
      f4 y = load(b + c * p->csb + k);
      UNROLL for (int r = 0; r < mr; r++) acc[r][c] = fma4(x[r], y, acc[r][c]);
    }
  }
  W left = p->K - k;
  UNROLL for (int r = 0; r < mr; r++) UNROLL for (int c = 0; c < nv; c++) {
    f4 sum = acc[r][c];
    if (left) sum = fma4(load_some(a + r * p->rsa + k, left, 0), load_some(b + c * p->csb + k, left, 0), sum);
    p->out[(i + r) * p->ldc + j + c] = total(sum) + (p->bias ? p->bias[j + c] : 0);
  }
}

static __attribute__((noinline)) void dots_1x8(const Product *p, W i, W j) { dots(1, 8, p, i, j); }
static __attribute__((noinline)) void dots_1x1(const Product *p, W i, W j) { dots(1, 1, p, i, j); }
static __attribute__((noinline)) void dots_2x4(const Product *p, W i, W j) { dots(2, 4, p, i, j); }
static __attribute__((noinline)) void dots_2x1(const Product *p, W i, W j) { dots(2, 1, p, i, j); }

static __attribute__((noinline)) void dots_4x2(const Product *p, W i, W j) { dots(4, 2, p, i, j); }
static __attribute__((noinline)) void dots_4x1(const Product *p, W i, W j) { dots(4, 1, p, i, j); }
