/**
 * Before each file of tests: they share a process, and one begins on the backend that TensorFlow.js itself begins on, not on
 * what the file before it has chosen.
 */

/** What TensorFlow.js keeps for all of its copies; nothing where no file has loaded it. */
const engine = Reflect.get(globalThis, "_tfengine");
if (engine && "cpu" in engine.registryFactory && engine.backendName !== "cpu") await engine.setBackend("cpu");
