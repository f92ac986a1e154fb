// What becomes of a finished number of a matrix product: an activation of it, or nothing. A part of the kernels that say
// `with epilogue`.
// with functions

override activation: u32 = 0u; // 0 for none, else as in functions.wgsl

// The two short ones stand here too, as `forward` has them: of the rest compilers then see at once that it is never run.
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
