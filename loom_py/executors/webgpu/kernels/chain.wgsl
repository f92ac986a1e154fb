// out = a chain of elementwise operations on up to seven broadcast inputs.
//
// The steps are constants, so that a compiler drops all that a chain does not do: networks have few different chains, and
// software renderers execute every case of a switch. Limits and codes are those of ops/chain.py and step_codes.py.
// with functions

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

// size out · five extents · of each input its word and five strides
struct Parameters { words: array<vec4u, 13> }

const EXTENTS = 2u; const INPUTS = 7u;

override plain: bool; // whether all inputs have the shape of the output
// Each step as code | left << 8 | right << 12; NONE ends them.
override step0: u32; override step1: u32; override step2: u32; override step3: u32;
override step4: u32; override step5: u32; override step6: u32; override step7: u32;
const PREVIOUS = 15u; // the operand that is the result of the step before
const ACTIVATIONS_FROM = 4u; const GRADIENTS_FROM = 32u; const NONE = 255u; // codes; below 4 add, subtract, multiply, divide

var<private> index: u32;
var<private> place: array<u32, 5>;

fn word(i: u32) -> u32 { return p.words[i / 4u][i % 4u]; }

fn operand(number: u32, previous: u32) -> u32 {
  if (number == PREVIOUS) { return previous; }
  let from_word = INPUTS + 6u * number;
  var at = index;
  if (!plain) {
    at = place[0] * word(from_word + 1u) + place[1] * word(from_word + 2u) + place[2] * word(from_word + 3u)
      + place[3] * word(from_word + 4u) + place[4] * word(from_word + 5u);
  }
  return heap[word(from_word) + at];
}

fn operation(kind: u32, left: u32, right: u32) -> u32 {
  if (kind >= GRADIENTS_FROM) { return backward(kind - GRADIENTS_FROM, left, right); }
  if (kind >= ACTIVATIONS_FROM) { return forward(kind - ACTIVATIONS_FROM, left, 0.0); }
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

fn done(step: u32, previous: u32) -> u32 {
  let kind = step & 255u;
  if (kind == NONE) { return previous; }
  return operation(kind, operand((step >> 8u) & 15u, previous), operand((step >> 12u) & 15u, previous));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  index = (group.y * groups.x + group.x) * 256u + lane;
  if (index >= word(0u)) { return; }
  if (!plain) {
    var rest = index;
    place[4] = rest % word(EXTENTS + 4u); rest /= word(EXTENTS + 4u);
    place[3] = rest % word(EXTENTS + 3u); rest /= word(EXTENTS + 3u);
    place[2] = rest % word(EXTENTS + 2u); rest /= word(EXTENTS + 2u);
    place[1] = rest % word(EXTENTS + 1u); place[0] = rest / word(EXTENTS + 1u);
  }
  let early = done(step3, done(step2, done(step1, done(step0, 0u))));
  heap[word(1u) + index] = done(step7, done(step6, done(step5, done(step4, early))));
}
