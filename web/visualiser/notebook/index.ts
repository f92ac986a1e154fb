import { unpack } from "./recorded";
import { replay } from "./replay";
import { widget } from "./widget";

export default widget;

// A recording as a file of its own: this script, and beside it the recording in an element of this kind.
const recording = document.querySelector('script[type="application/x-loom-recording"]');
if (recording) {
  try {
    replay(document.body, await unpack(recording.textContent));
  } catch (error) {
    document.body.textContent = `This recording can't be shown: ${error}. A browser of 2023 or later can show it.`;
  }
}
