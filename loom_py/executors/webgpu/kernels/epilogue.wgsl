// What becomes of a finished number of a matrix product: an activation of it, or nothing. A part of the kernels that say
// `with epilogue`.
// with functions

override activation: u32 = 0u; // 0 for none, else as in functions.wgsl

fn activated(bits: u32) -> u32 {
  if (activation == 0u) { return bits; }
  return forward(activation, bits, 0.0);
}

fn finished(words: vec4u) -> vec4u {
  if (activation == 0u) { return words; }
  return vec4u(activated(words.x), activated(words.y), activated(words.z), activated(words.w));
}
