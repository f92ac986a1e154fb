// softmax(Q Kᵀ/τ) V and its gradient, block of rows by block of rows: the scores of a block stay in the cache, and those
// of all rows are never in memory at once (Rabe & Staats 2021, Dao et al. 2022).
#include "softmax.h"

void op_matmul(const W *a);

// One head: rows of queries and `length` keys, all vectors of `width`. Rows and keys have positions; those of rows repeat
// after `period`.
typedef struct {
  const float *query, *key, *value;
  const int32_t *mask;
  W rows, length, width, period, block;
  float inverse;
  int causal, whole;      // whole: whether to compute keys that no row of a block sees, too
  W packing;              // scratch of op_matmul
  float *scores, *rest;   // (block, length) each
  float *part;            // (length, width)
} Head;

// out (M, N) = a (M, K) · b (K, N), factors by their strides.
static void product(const Head *h, float *out, W M, W N, W K, const float *a, W rsa, W csa, const float *b, W rsb,
                    W csb) {
  W words[] = {(W)out, (W)a, (W)b, 0, M, N, K, rsa, csa, rsb, csb, h->packing, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  op_matmul(words);
}

INLINE int all_finite(const float *x, W n) {
  i4 bad = splat_i(0);
  EACH(n) bad |= ((i4)TAKE(x) & 0x7f800000) == 0x7f800000; }
  return !(bad[0] | bad[1] | bad[2] | bad[3]);
}

// out += x over n values.
INLINE void add_to(float *out, const float *x, W n) { EACH(n) PUT(out, TAKE(out) + TAKE(x)) } }

// A block: `n` rows from `first` on, the first of them at position `time`, and the number of keys to compute.
typedef struct {
  W first, time, n, upto;
} Block;

INLINE Block block_at(const Head *h, W start, W time) {
  W n = h->period - time < h->block ? h->period - time : h->block;
  return (Block){start + time, time, n, h->causal && !h->whole ? time + n : h->length};
}

#define EACH_BLOCK(h)                                                                                                  \
  for (W start = 0; start < (h)->rows; start += (h)->period)                                                           \
    for (W time = 0; time < (h)->period; time += (h)->block) {                                                         \
      Block b = block_at(h, start, time);

static void block_scores(const Head *h, Block b) {
  product(h, h->scores, b.n, b.upto, h->width, h->query + b.first * h->width, h->width, 1, h->key, 1, h->width);
}

static void head_forward(const Head *h, float *out, float *row_stats) {
  Mask m = {h->mask, 1};
  EACH_BLOCK(h)
    block_scores(h, b);
    for (W i = 0; i < b.n; i++) {
      float *row = h->scores + i * b.upto;
      W n = h->causal ? b.time + i + 1 : b.upto;
      Row r = exp_row(row, row, n, b.upto, m, h->inverse, h->causal || h->mask);
      if (r.total == 0) r.total = __builtin_inff();
      if (r.total != r.total) r.top = r.total;
      row_stats[2 * (b.first + i)] = r.top;
      row_stats[2 * (b.first + i) + 1] = r.total;
    }
    float *y = out + b.first * h->width;
    product(h, y, b.n, h->width, b.upto, h->scores, b.upto, 1, h->value, h->width, 1);
    for (W i = 0; i < b.n; i++) scale_row(y + i * h->width, h->width, 1 / row_stats[2 * (b.first + i) + 1]);
  }
}

// Turns scores into weights, and in `rest` gradients of weights into those of scores.
static void row_gradient(const Head *h, W i, Block b, const float *row) {
  W n = h->causal ? b.time + i + 1 : b.upto, width = b.upto;
  float *weights = h->scores + i * width, *change = h->rest + i * width;
  f4 shift = splat(row[0]), scale = splat(1 / row[1]), inverse = splat(h->inverse), sum = splat(0);
  Mask m = {h->mask, 1};
  W whole = m.words ? 0 : n & ~(W)3;  // as in exp_row
  for (W j = 0; j < whole; j += 4) {
    f4 w = exp_down4((load(weights + j) - shift) * inverse) * scale;
    sum = fma4(load(change + j), w, sum);
    store(weights + j, w);
  }
  for (W j = whole; j < width; j += 4) {
    f4 w = exp_down4((visible(weights, m, j, n, width) - shift) * inverse) * scale;
    sum = fma4(take(change + j, width - j), w, sum);
    put(weights + j, width - j, w);
  }
  f4 dot = splat(total(sum));
  EACH(width) PUT(change, (TAKE(change) - dot) * TAKE(weights) * inverse) }
}

static void head_backward(const Head *h, float *dquery, float *dkey, float *dvalue, const float *dout,
                          const float *row_stats) {
  W d = h->width;
  for (W i = 0; i < h->length * d; i++) dkey[i] = dvalue[i] = 0;
  EACH_BLOCK(h)
    const float *dy = dout + b.first * d, *q = h->query + b.first * d;
    block_scores(h, b);
    product(h, h->rest, b.n, b.upto, d, dy, d, 1, h->value, 1, d);
    for (W i = 0; i < b.n; i++) row_gradient(h, i, b, row_stats + 2 * (b.first + i));
    product(h, h->part, b.upto, d, b.n, h->scores, 1, b.upto, dy, d, 1);
    add_to(dvalue, h->part, b.upto * d);
    product(h, dquery + b.first * d, b.n, d, b.upto, h->rest, b.upto, 1, h->key, d, 1);
    product(h, h->part, b.upto, d, b.n, h->rest, 1, b.upto, q, d, 1);
    add_to(dkey, h->part, b.upto * d);
  }
}

// query key value mask · B J rows length width period block · inverse-temperature causal packing workspace · then outputs
// and more inputs
INLINE Head head_at(const W *a, W batch, W k) {
  W at = batch * a[5] + k, many = a[6] * a[8], few = a[7] * a[8];
  float *workspace = OUT(14);
  W scores = a[10] * a[7];
  const int32_t *mask = a[3] ? (const int32_t *)a[3] + batch * a[7] : 0;
  return (Head){IN(0) + at * many, IN(1) + at * few, IN(2) + at * few, mask, a[6], a[7], a[8], a[9], a[10],
                word_float(a[11]), (int)a[12], 0, a[13], workspace, workspace + scores, workspace + 2 * scores};
}

INLINE int finite_head(const Head *h) {
  W few = h->length * h->width;
  return all_finite(h->query, h->rows * h->width) && all_finite(h->key, few) && all_finite(h->value, few);
}

// … out row_stats
void op_attention(const W *a) {
  for (W batch = 0; batch < a[4]; batch++) {
    for (W k = 0; k < a[5]; k++) {
      Head h = head_at(a, batch, k);
      W at = batch * a[5] + k;
      h.whole = !finite_head(&h);
      head_forward(&h, OUT(15) + at * h.rows * h.width, OUT(16) + at * h.rows * 2);
    }
  }
}

// … dquery dkey dvalue dout row_stats
void op_attention_gradient(const W *a) {
  for (W batch = 0; batch < a[4]; batch++) {
    for (W k = 0; k < a[5]; k++) {
      Head h = head_at(a, batch, k);
      W at = batch * a[5] + k, many = at * h.rows * h.width, few = at * h.length * h.width;
      const float *row_stats = IN(19) + at * h.rows * 2;
      h.whole = !finite_head(&h) || !all_finite(IN(18) + many, h.rows * h.width);
      for (W i = 0; i < h.rows; i++) h.whole |= row_stats[2 * i] != row_stats[2 * i];
      head_backward(&h, OUT(15) + many, OUT(16) + few, OUT(17) + few, IN(18) + many, row_stats);
    }
  }
}
