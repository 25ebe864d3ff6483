/** What the processor can do at most, as a native kernel measures it. */
export interface Peaks {
  /** All threads streaming through memory that no cache holds. */
  readonly readBytesPerSecond: number;
  /** All threads multiplying matrices that lie in their caches. */
  readonly bfloat16FlopsPerSecond: number;
  readonly float32FlopsPerSecond: number;
}
