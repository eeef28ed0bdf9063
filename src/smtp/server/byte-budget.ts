/**
 * One budget of octets for message bodies in memory. The whole size is granted at once, at MAIL with SIZE= or when a
 * body passes 256 KiB, so that bodies that grow bit by bit cannot all stop unfinished; a part is kept for small mail.
 */
export interface ByteBudget {
  /** A grant of `octets`, or null where they do not fit now. */
  take(octets: number): Grant | null;
  readonly used: number;
}
export interface Grant {
  /** Gives back; more than once is harmless. */
  release(): void;
}
export const SMALL = 256 * 1024;

export function createByteBudget(
  released: (octets: number) => void = () => {},
  total = 64 * 1024 * 1024,
  reservedForSmall = 32 * 1024 * 1024,
): ByteBudget {
  let used = 0;
  return {
    get used() {
      return used;
    },
    take(octets) {
      if (used + octets > (octets <= SMALL ? total : total - reservedForSmall)) return null;
      used += octets;
      let open = true;
      return {
        release() {
          if (!open) return;
          open = false;
          used -= octets;
          released(octets);
        },
      };
    },
  };
}
