// out = several elementwise operations, one after the other, of up to seven inputs with the strides of broadcasting.
//
// The steps are parameters and not constants, so that all chains of all networks share this one pipeline; every
// invocation takes the same way through them.
// with functions

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

// size out steps plain · five extents · of each input its word and five strides · of each step kind, left << 8, right << 12
struct Parameters { words: array<vec4u, 16> }

const EXTENTS = 4u; const INPUTS = 9u; const STEPS = 51u;
const SO_FAR = 15u; // the operand that is what the step before left
const FUNCTIONS_FROM = 4u; const GRADIENTS_FROM = 32u; // kinds; before are add, subtract, multiply, divide

var<private> index: u32;
var<private> place: array<u32, 5>;
var<private> so_far: u32;

fn word(i: u32) -> u32 { return p.words[i / 4u][i % 4u]; }

fn operand(number: u32) -> u32 {
  if (number == SO_FAR) { return so_far; }
  let from_word = INPUTS + 6u * number;
  var at = index;
  if (word(3u) == 0u) {
    at = place[0] * word(from_word + 1u) + place[1] * word(from_word + 2u) + place[2] * word(from_word + 3u)
      + place[3] * word(from_word + 4u) + place[4] * word(from_word + 5u);
  }
  return heap[word(from_word) + at];
}

fn operation(kind: u32, left: u32, right: u32) -> u32 {
  if (kind >= GRADIENTS_FROM) { return backward(kind - GRADIENTS_FROM, left, right); }
  if (kind >= FUNCTIONS_FROM) { return forward(kind - FUNCTIONS_FROM, left, 0.0); }
  let a = bitcast<f32>(left);
  let b = bitcast<f32>(right);
  var y = a + b;
  switch kind {
    case 1u: { y = a - b; }
    case 2u: { y = a * b; }
    case 3u: { y = a / b; }
    default: {}
  }
  return bitcast<u32>(y);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  index = (group.y * groups.x + group.x) * 256u + lane;
  if (index >= word(0u)) { return; }
  if (word(3u) == 0u) {
    var rest = index;
    place[4] = rest % word(EXTENTS + 4u); rest /= word(EXTENTS + 4u);
    place[3] = rest % word(EXTENTS + 3u); rest /= word(EXTENTS + 3u);
    place[2] = rest % word(EXTENTS + 2u); rest /= word(EXTENTS + 2u);
    place[1] = rest % word(EXTENTS + 1u); place[0] = rest / word(EXTENTS + 1u);
  }
  for (var s = 0u; s < word(2u); s++) {
    let step = word(STEPS + s);
    so_far = operation(step & 255u, operand((step >> 8u) & 15u), operand((step >> 12u) & 15u));
  }
  heap[word(1u) + index] = so_far;
}
