// Epilogue of a matrix product: an optional activation of each result. A part: kernels include it by
// `with epilogue`.
// with functions

override activation: u32 = 0u; // 0 for none, else as in functions.wgsl

// The two short ones are repeated from `forward`, so that compilers drop the rest where it is not used.
fn activated(bits: u32) -> u32 {
  if (activation == 0u || (bits & ~SIGN) > INFINITY) { return bits; }
  if (activation == RELU) { return select(bits, 0u, bits >= SIGN); }
  if (activation == LEAKY) { return select(bits, bitcast<u32>(bitcast<f32>(bits) * 0.01), bits >= SIGN); }
  return forward(activation, bits, 0.0);
}

fn finished(words: vec4u) -> vec4u {
  var w = words;
  if (activation != 0u) {
    for (var i = 0u; i < 4u; i++) { w[i] = activated(w[i]); }
  }
  return w;
}
