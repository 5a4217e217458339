/** What the server sends: `wellhead.fastapi.live` writes it. Times are in seconds. */

export interface Snapshot {
  version: number;
  at: string;
  mode: "development" | "production";
  /** Whether there is a login to end. */
  login: boolean;
  /** Whether plans are given. */
  plans: boolean;
  /** Between two snapshots. */
  every: number;
  processes: { expected: number; answered: number; how: string };
  databases: Database[];
}

export interface Database {
  name: string;
  pool: Pool;
  wait: Quantiles;
  hold: Quantiles;
  holders: Holder[];
  statements: Statement[];
  errors: Record<string, number>;
  retries: number;
  unknown_outcomes: number;
  readiness: { is_ready: boolean; state: string; detail: string | null; age: number | null };
  /** null if the process has never looked. */
  migrations: { current: string[]; head: string[]; is_current: boolean } | null;
}

export interface Pool {
  mode: string;
  active: number;
  idle: number;
  opening: number;
  waiting: number;
  limit: number | null;
  acquired: number;
  timeouts: number;
  saturated: number;
  /** From when on a held connection is warned about; null for never. */
  leak_after: number | null;
}

export interface Quantiles {
  p50: number | null;
  p99: number | null;
}

export interface Holder {
  process: number;
  what: string | null;
  seconds: number;
  line: string | null;
}

export interface Statement {
  id: string;
  shape: string;
  count: number;
  seconds: number;
  mean: number;
  slowest: number;
}

/** What is kept of a database at one moment, for the plots and their tables. */
export interface Point {
  /** In milliseconds since 1970. */
  at: number;
  active: number;
  idle: number;
  opening: number;
  waiting: number;
  limit: number | null;
  acquired: number;
  wait: Quantiles;
  hold: Quantiles;
}

export type State = "connecting" | "live" | "waiting" | "paused" | "login" | "elsewhere" | "off" | "outdated";

export interface Series {
  /** Also its class in the style. */
  name: string;
  of: (point: Point) => number | null;
}

/** A scale from bottom to top. */
export interface Scale {
  ticks: { value: number; label: string }[];
  /** 0 at the bottom, 1 at the top. */
  place: (value: number) => number;
}
