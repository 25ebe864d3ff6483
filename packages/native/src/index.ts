export type { Precision } from "./addon/handles.js";
export { NativeError } from "./errors.js";
export { measurePeaks, type Peaks } from "./peaks.js";
export { type NativeInfo, type NativeOptions, nativeInfo, registerNative } from "./register.js";
