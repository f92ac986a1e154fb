/** `true` when two types are the same in both directions, `any` being the same as itself alone; else `false`. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where its argument is `true`. */
export type Holds<T extends true> = T;

/** `true` for `any` alone. */
export type IsAny<T> = 0 extends 1 & T ? true : false;
