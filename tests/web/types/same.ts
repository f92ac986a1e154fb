/** `true` if two types are identical, where `any` is identical only to itself; else `false`. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if its argument is `true`. */
export type Holds<T extends true> = T;

/** `true` only for `any`. */
export type IsAny<T> = 0 extends 1 & T ? true : false;
