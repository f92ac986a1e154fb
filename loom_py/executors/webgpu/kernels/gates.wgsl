// Gates of recurrent cells, and reading and writing of floats. A part: kernels include it by `with gates`.

fn at(word: u32) -> f32 { return bitcast<f32>(heap[word]); }
fn put(word: u32, value: f32) { heap[word] = bitcast<u32>(value); }

// tanh by Eigen's rational approximation: WGSL's own overflows on some drivers. Beyond 7.9 it is 1 in float32.
fn tangent(x: f32) -> f32 {
  let z = clamp(x, -7.9053111, 7.9053111);
  let s = z * z;
  var a = -2.76076847742355e-16;
  a = a * s + 2.00018790482477e-13;
  a = a * s - 8.60467152213735e-11;
  a = a * s + 5.12229709037114e-08;
  a = a * s + 1.48572235717979e-05;
  a = a * s + 6.37261928875436e-04;
  a = a * s + 4.89352455891786e-03;
  var b = 1.19825839466702e-06;
  b = b * s + 1.18534705686654e-04;
  b = b * s + 2.26843463243900e-03;
  b = b * s + 4.89352518554385e-03;
  let unknown = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(clamp(z * a / b, -1.0, 1.0), x, unknown);
}

fn sigmoid(x: f32) -> f32 { return 0.5 * tangent(0.5 * x) + 0.5; }
