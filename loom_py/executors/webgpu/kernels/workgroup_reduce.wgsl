// Workgroup reduction: sum or maximum over groups of lanes; every lane of a group receives the result. All lanes of the
// workgroup must call together. A part: kernels include it by `with workgroup_reduce`.
//
// A tree of fixed order in workgroup memory, for any device; subgroup_reduce.wgsl has the same functions for devices with
// subgroups.

// Built-ins of `main`; uniform over the workgroup, so that barriers may follow conditions on them.
struct Place {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
}

// Number of this workgroup.
fn number_of(place: Place) -> u32 { return place.group.y * place.groups.x + place.group.x; }

struct LaneGroup { along: u32, step: u32 }

// Groups of `along` lanes, `step` lanes apart, both powers of two; a lane's number within its group is lane / step % along.
fn lane_group(place: Place, along: u32, step: u32) -> LaneGroup { return LaneGroup(along, step); }

fn member(lane: u32, t: LaneGroup) -> u32 { return lane / t.step % t.along; }

var<workgroup> floats: array<f32, 256>;
var<workgroup> floats2: array<vec2f, 256>;
var<workgroup> floats3: array<vec3f, 256>;
var<workgroup> words: array<u32, 256>;
var<workgroup> words2: array<vec2u, 256>;

fn sum(value: f32, lane: u32, t: LaneGroup) -> f32 {
  if (t.along == 1u) { return value; }
  workgroupBarrier(); // until all lanes have read the result before, here and below
  floats[lane] = value;
  for (var half = t.along / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (member(lane, t) < half) { floats[lane] += floats[lane + half * t.step]; }
  }
  workgroupBarrier();
  return floats[lane - member(lane, t) * t.step];
}

fn sum2(value: vec2f, lane: u32, t: LaneGroup) -> vec2f {
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

fn sum3(value: vec3f, lane: u32, t: LaneGroup) -> vec3f {
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

fn count(value: u32, lane: u32, t: LaneGroup) -> u32 {
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

fn maximum(value: u32, lane: u32, t: LaneGroup) -> u32 {
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

fn maximum2(value: vec2u, lane: u32, t: LaneGroup) -> vec2u {
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
