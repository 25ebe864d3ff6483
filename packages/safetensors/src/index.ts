export type { ByteSource, OpenByteSource } from "./byte-source.js";
export { type OpenCheckpointOptions, openCheckpoint } from "./checkpoint.js";
export { bytesPerElement, type Dtype, isDtype } from "./dtype.js";
export {
  SafetensorsError,
  SafetensorsFormatError,
  SafetensorsIndexError,
  SafetensorsInUseError,
  SafetensorsNotFoundError,
  SafetensorsReadError,
  SafetensorsWriteError,
} from "./errors.js";
export type { FetchOptions } from "./fetch-options.js";
export {
  type Checkpoint,
  type CheckpointFiles,
  type CheckpointSource,
  explainSource,
  isCheckpoint,
  nameOfSource,
} from "./folder.js";
export { type FolderLock, lockFolder } from "./folder-lock.js";
export { fromFloat32 } from "./from-float32.js";
export { finishSave } from "./journal.js";
export { type JsonFile, readJsonFile } from "./json-file.js";
export type { TensorToWrite } from "./layout.js";
export { makeFolder } from "./make-folder.js";
export { openByteSource, openSafetensors } from "./open.js";
export { type QuantizedViewOptions, quantizedView } from "./quantized-view.js";
export { readSideFile } from "./side-file.js";
export type {
  BlockFormat,
  PlaneBytes,
  Planes,
  QuantizedTensor,
  TensorSource,
  TensorView,
} from "./tensor-view.js";
export { toFloat32, toFloat32Transposed } from "./to-float32.js";
export { viewOf, viewOfBytes } from "./view.js";
export { encodeSafetensors, writeSafetensors } from "./write.js";
export { type WriteCheckpointOptions, writeCheckpoint } from "./write-checkpoint.js";
