// What elementwise.c does to contiguous values, for others that do it too.
#pragma once
#include "loom.h"

// out = f(x), and out = dy · f' with what was kept of f; functions are numbered as ACTIVATIONS in pack/elementwise.py.
void map_function(W which, float *out, const float *x, W n);
void map_gradient(W which, float *out, const float *dy, const float *kept, W n);

// One row of a binary operation; a stride of 0 repeats the value, any other is 1.
void row_add(float *out, const float *x, const float *y, W n, W sx, W sy);
void row_subtract(float *out, const float *x, const float *y, W n, W sx, W sy);
void row_multiply(float *out, const float *x, const float *y, W n, W sx, W sy);
void row_divide(float *out, const float *x, const float *y, W n, W sx, W sy);
