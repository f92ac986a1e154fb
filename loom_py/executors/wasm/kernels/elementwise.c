// Arithmetic with broadcasting, and activation functions with their gradients.
#include "elementwise.h"
#include "math.h"

// Applies an expression of v (and u, …) to n values, four at a time.
#define MAP(NAME, EXPRESSION)                                                                                          \
  static void NAME(float *out, const float *x, W n) {                                                                  \
    W i = 0;                                                                                                           \
    for (; i + 4 <= n; i += 4) {                                                                                       \
      f4 v = load(x + i);                                                                                              \
      store(out + i, EXPRESSION);                                                                                      \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
      f4 v = load_some(x + i, n - i, 0);                                                                               \
      store_some(out + i, n - i, EXPRESSION);                                                                          \
    }                                                                                                                  \
  }

#define MAP2(NAME, EXPRESSION)                                                                                         \
  static void NAME(float *out, const float *x, const float *y, W n) {                                                  \
    W i = 0;                                                                                                           \
    for (; i + 4 <= n; i += 4) {                                                                                       \
      f4 v = load(x + i), u = load(y + i);                                                                             \
      store(out + i, EXPRESSION);                                                                                      \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
      f4 v = load_some(x + i, n - i, 0), u = load_some(y + i, n - i, 0);                                               \
      store_some(out + i, n - i, EXPRESSION);                                                                          \
    }                                                                                                                  \
  }

#define ONE splat(1)

INLINE f4 softplus4(f4 v) { return max4(v, splat(0)) + log1p4(exp_down4(-abs4(v))); }
INLINE f4 gelu_slope(f4 v) {
  return fma4(v, exp_down4(splat(-0.5f) * v * v) * splat(0.39894228040143268f), phi4(v));
}
INLINE f4 silu_slope(f4 v) {
  f4 s = sigmoid4(v);
  return s * fma4(v, ONE - s, ONE);
}

MAP(map_exp, exp4(v))
MAP(map_abs, abs4(v))
MAP(map_relu, max4(v, splat(0)))
MAP(map_leaky, max4(v, v * splat(0.01f)))
MAP(map_sigmoid, sigmoid4(v))
MAP(map_tanh, tanh4(v))
MAP(map_softplus, softplus4(v))
MAP(map_gelu, v *phi4(v))
MAP(map_silu, v *sigmoid4(v))
MAP(map_elu, choose(v > splat(0), v, expm14(min4(v, splat(0)))))
// v is dy; u the function's output, or its input, as its gradient needs.
MAP2(back_relu, v *choose(u > splat(0), ONE, splat(0)))
MAP2(back_leaky, v *choose(u > splat(0), ONE, splat(0.01f)))
MAP2(back_sigmoid, v *(u * (ONE - u)))
MAP2(back_tanh, v *(ONE - u * u))
MAP2(back_softplus, v *-expm14(-u))
MAP2(back_gelu, v *gelu_slope(u))
MAP2(back_silu, v *silu_slope(u))
MAP2(back_elu, v *choose(u > splat(0), ONE, u + ONE))

// out x n
void op_exp(const W *a) { map_exp(OUT(0), IN(1), a[2]); }

void map_function(W which, float *out, const float *x, W n) {
  switch (which) {
    case 0: __builtin_memmove(out, x, n * sizeof(float)); break;
    case 1: map_relu(out, x, n); break;
    case 2: map_leaky(out, x, n); break;
    case 3: map_sigmoid(out, x, n); break;
    case 4: map_tanh(out, x, n); break;
    case 5: map_softplus(out, x, n); break;
    case 6: map_gelu(out, x, n); break;
    case 7: map_silu(out, x, n); break;
    case 8: map_elu(out, x, n); break;
  }
}

// out x n function, numbered as ACTIVATIONS in step_codes.py
void op_activate(const W *a) { map_function(a[3], OUT(0), IN(1), a[2]); }

// out x n
void op_abs(const W *a) { map_abs(OUT(0), IN(1), a[2]); }

// out x n low high: non-finite values become 0
void op_clamp(const W *a) {
  f4 low = splat(word_float(a[3])), high = splat(word_float(a[4])), largest = splat(3.40282347e38f);
  EACH(a[2])
    f4 v = TAKE(IN(1));
    PUT(OUT(0), choose(abs4(v) <= largest, max4(min4(v, high), low), splat(0)))
  }
}

void map_gradient(W which, float *out, const float *dy, const float *saved, W n) {
  switch (which) {
    case 0: __builtin_memmove(out, dy, n * sizeof(float)); break;
    case 1: back_relu(out, dy, saved, n); break;
    case 2: back_leaky(out, dy, saved, n); break;
    case 3: back_sigmoid(out, dy, saved, n); break;
    case 4: back_tanh(out, dy, saved, n); break;
    case 5: back_softplus(out, dy, saved, n); break;
    case 6: back_gelu(out, dy, saved, n); break;
    case 7: back_silu(out, dy, saved, n); break;
    case 8: back_elu(out, dy, saved, n); break;
  }
}

// dx dy saved n function
void op_activate_gradient(const W *a) { map_gradient(a[4], OUT(0), IN(1), IN(2), a[3]); }

// One row of a binary operation; a stride of 0 repeats the value, any other is 1.
#define BINARY(NAME, EXPRESSION)                                                                                       \
  INLINE void row_##NAME(float *out, const float *x, const float *y, W n, W sx, W sy) {                                \
    W i = 0;                                                                                                           \
    f4 v = splat(x[0]), u = splat(y[0]);                                                                               \
    if (sx && sy) {                                                                                                    \
      for (; i + 4 <= n; i += 4) {                                                                                     \
        v = load(x + i);                                                                                               \
        u = load(y + i);                                                                                               \
        store(out + i, EXPRESSION);                                                                                    \
      }                                                                                                                \
    } else if (sx) {                                                                                                   \
      for (; i + 4 <= n; i += 4) {                                                                                     \
        v = load(x + i);                                                                                               \
        store(out + i, EXPRESSION);                                                                                    \
      }                                                                                                                \
    } else if (sy) {                                                                                                   \
      for (; i + 4 <= n; i += 4) {                                                                                     \
        u = load(y + i);                                                                                               \
        store(out + i, EXPRESSION);                                                                                    \
      }                                                                                                                \
    } else {                                                                                                           \
      for (; i + 4 <= n; i += 4) store(out + i, EXPRESSION);                                                           \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
      if (sx) v = load_some(x + i, n - i, 1);                                                                          \
      if (sy) u = load_some(y + i, n - i, 1);                                                                          \
      store_some(out + i, n - i, EXPRESSION);                                                                          \
    }                                                                                                                  \
  }                                                                                                                    \
  void rows_##NAME(float *out, Row x, Row y, W n, W rows) {                                                            \
    if (x.stride && y.stride && x.next == n && y.next == n) n *= rows, rows = 1;                                       \
    for (; rows > 0; rows--, out += n, x.at += x.next, y.at += y.next)                                                 \
      row_##NAME(out, x.at, y.at, n, x.stride, y.stride);                                                              \
  }                                                                                                                    \
  /* out x y · five extents · x's strides · y's strides, the last axis innermost */                                    \
  void op_##NAME(const W *a) {                                                                                         \
    float *out = OUT(0);                                                                                               \
    const W *n = a + 3, *sx = a + 8, *sy = a + 13;                                                                     \
    for (W i = 0; i < n[0]; i++)                                                                                       \
      for (W j = 0; j < n[1]; j++)                                                                                     \
        for (W k = 0; k < n[2]; k++) {                                                                                 \
          Row x = {IN(1) + i * sx[0] + j * sx[1] + k * sx[2], sx[4], sx[3]};                                           \
          Row y = {IN(2) + i * sy[0] + j * sy[1] + k * sy[2], sy[4], sy[3]};                                           \
          rows_##NAME(out, x, y, n[4], n[3]);                                                                          \
          out += n[3] * n[4];                                                                                          \
        }                                                                                                              \
  }

BINARY(add, v + u)
BINARY(subtract, v - u)
BINARY(multiply, v *u)
BINARY(divide, v / u)

// dst src rate n: dst ← dst + rate · (src - dst) where src is finite
void op_lerp(const W *a) {
  float *dst = OUT(0);
  const float *src = IN(1);
  f4 rate = splat(*IN(2)), largest = splat(3.40282347e38f);
  EACH(a[3])
    f4 d = TAKE(dst), s = TAKE(src);
    PUT(dst, choose(abs4(s) <= largest, fma4(rate, s - d, d), d))
  }
}

// out x eps n
void op_inverse_root(const W *a) {
  float *out = OUT(0);
  const float *x = IN(1);
  f4 eps = splat(word_float(a[2]));
  EACH(a[3])
    PUT(out, rstd4(TAKE(x) + eps))
  }
}
