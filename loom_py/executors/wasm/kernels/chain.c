// Several elementwise operations, block by block: what a step leaves is still in the fastest cache when the next reads it.
#include "elementwise.h"

enum { PIECE = 1024, MOST = 7, STEP_WORDS = 3, INPUT_WORDS = 6, SO_FAR = -1 };

typedef struct {
  const float *at;
  W stride;
} Source;

// One step: kind 0 … 3 is arithmetic, from 4 on a function, from 32 on a gradient.
static void step(W kind, float *out, Source x, Source y, W n) {
  switch (kind) {
    case 0: row_add(out, x.at, y.at, n, x.stride, y.stride); break;
    case 1: row_subtract(out, x.at, y.at, n, x.stride, y.stride); break;
    case 2: row_multiply(out, x.at, y.at, n, x.stride, y.stride); break;
    case 3: row_divide(out, x.at, y.at, n, x.stride, y.stride); break;
    default:
      if (kind < 32) map_function(kind - 4, out, x.at, n);
      else map_gradient(kind - 32, out, x.at, y.at, n);
  }
}

// out scratch steps inputs · five extents · of each input where it lies and its strides · of each step kind left right
void op_chain(const W *a) {
  float *out = OUT(0), *scratch = OUT(1);
  const W steps = a[2], inputs = a[3], *n = a + 4, *given = a + 9, *program = given + INPUT_WORDS * inputs;
  Source rows[MOST + 1], *source = rows + 1;  // source[SO_FAR] is what the step before left
  source[SO_FAR] = (Source){scratch, 1};
  for (W i = 0; i < n[0]; i++)
    for (W j = 0; j < n[1]; j++)
      for (W k = 0; k < n[2]; k++)
        for (W l = 0; l < n[3]; l++) {
          for (W g = 0; g < inputs; g++) {
            const W *in = given + INPUT_WORDS * g;
            source[g] = (Source){(const float *)in[0] + i * in[1] + j * in[2] + k * in[3] + l * in[4], in[5]};
          }
          for (W done = 0; done < n[4]; done += PIECE) {
            W count = n[4] - done < PIECE ? n[4] - done : PIECE;
            for (W s = 0; s < steps; s++) {
              const W *p = program + STEP_WORDS * s;
              step(p[0], s + 1 == steps ? out : scratch, source[p[1]], source[p[2]], count);
            }
            for (W g = 0; g < inputs; g++) source[g].at += count * source[g].stride;
            out += count;
          }
        }
}
