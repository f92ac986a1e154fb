// Where lanes meet: the sum, or the highest, of what each lane of a team brings; all of the team get it. A part of the
// kernels that say `with meet`. All 256 lanes of a workgroup come here together, each with what its own team needs.
//
// A tree of fixed order in workgroup memory, for any device; meet_subgroups.wgsl says the same for those whose lanes can
// also speak to their neighbours.

// What main is given; its members are the same for a whole workgroup, as barriers behind conditions on them want it.
struct Place {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
}

// How many this workgroup comes after.
fn number_of(place: Place) -> u32 { return place.group.y * place.groups.x + place.group.x; }

struct Team { along: u32, step: u32 }

// Teams of `along` lanes that lie `step` lanes apart, both powers of two: lane / step % along counts a team's members.
fn team(place: Place, along: u32, step: u32) -> Team { return Team(along, step); }

fn member(lane: u32, t: Team) -> u32 { return lane / t.step % t.along; }

var<workgroup> floats: array<f32, 256>;
var<workgroup> floats2: array<vec2f, 256>;
var<workgroup> floats3: array<vec3f, 256>;
var<workgroup> words: array<u32, 256>;
var<workgroup> words2: array<vec2u, 256>;

fn sum(value: f32, lane: u32, t: Team) -> f32 {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  floats[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { floats[lane] += floats[lane + half * t.step]; }
  }
  workgroupBarrier();
  return floats[lane - member(lane, t) * t.step];
}

fn sum2(value: vec2f, lane: u32, t: Team) -> vec2f {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  floats2[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { floats2[lane] += floats2[lane + half * t.step]; }
  }
  workgroupBarrier();
  return floats2[lane - member(lane, t) * t.step];
}

fn sum3(value: vec3f, lane: u32, t: Team) -> vec3f {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  floats3[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { floats3[lane] += floats3[lane + half * t.step]; }
  }
  workgroupBarrier();
  return floats3[lane - member(lane, t) * t.step];
}

fn count(value: u32, lane: u32, t: Team) -> u32 {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  words[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { words[lane] += words[lane + half * t.step]; }
  }
  workgroupBarrier();
  return words[lane - member(lane, t) * t.step];
}

fn highest(value: u32, lane: u32, t: Team) -> u32 {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  words[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { words[lane] = max(words[lane], words[lane + half * t.step]); }
  }
  workgroupBarrier();
  return words[lane - member(lane, t) * t.step];
}

fn highest2(value: vec2u, lane: u32, t: Team) -> vec2u {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until what was there has been read
  words2[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { words2[lane] = max(words2[lane], words2[lane + half * t.step]); }
  }
  workgroupBarrier();
  return words2[lane - member(lane, t) * t.step];
}
