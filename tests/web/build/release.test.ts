import { describe, expect, it } from "vitest";
import { checkTag, notesOf, versionOf } from "../../../build/release.mjs";

const CHANGELOG =
  "# Changes\n\n## [Unreleased]\n\n- later\n\n## [0.2.0] - 2026-12-01\n\n- now\n\n## [0.1.0] - 2026-11-01\n\n- old\n";

describe("a release", () => {
  it("reads the version of pyproject.toml", () => {
    expect(versionOf('[project]\nname = "loom-py"\nversion = "0.2.0"\n')).toBe("0.2.0");
    expect(() => versionOf("[project]")).toThrow("expected a line version");
  });

  it("takes its notes from the changelog", () => {
    expect(notesOf(CHANGELOG, "0.2.0")).toBe("- now\n");
    expect(() => notesOf(CHANGELOG, "0.3.0")).toThrow('expected a heading "## [0.3.0]');
  });

  it("refuses another version's tag", () => {
    expect(() => checkTag("v0.2.0", "0.2.0")).not.toThrow();
    expect(() => checkTag(undefined, "0.2.0")).not.toThrow();
    expect(() => checkTag("v0.3.0", "0.2.0")).toThrow("expected the tag v0.2.0");
  });
});
