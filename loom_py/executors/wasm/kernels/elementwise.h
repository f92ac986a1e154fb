// Functions of elementwise.c on contiguous values, for other kernels.
#pragma once
#include "loom.h"

// out = f(x), and out = dy · f' from the saved output or input; functions are numbered as ACTIVATIONS in step_codes.py.
void map_function(W which, float *out, const float *x, W n);
void map_gradient(W which, float *out, const float *dy, const float *saved, W n);

// Rows of an operand: step between elements, 1 or 0 (a repeated value), and between rows.
typedef struct {
  const float *at;
  W stride, next;
} Row;

// A binary operation on rows of n; out is contiguous.
void rows_add(float *out, Row x, Row y, W n, W rows);
void rows_subtract(float *out, Row x, Row y, W n, W rows);
void rows_multiply(float *out, Row x, Row y, W n, W rows);
void rows_divide(float *out, Row x, Row y, W n, W rows);
