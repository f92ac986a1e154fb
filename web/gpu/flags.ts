/** Constants of the WebGPU specification, which are globals only in browsers. */

export const MAP_READ = 0x0001;
export const COPY_SRC = 0x0004;
export const COPY_DST = 0x0008;
export const UNIFORM = 0x0040;
export const STORAGE = 0x0080;
export const QUERY_RESOLVE = 0x0200;
export const COMPUTE_STAGE = 0x4;
/** For `mapAsync`. */
export const READ_MODE = 0x0001;
