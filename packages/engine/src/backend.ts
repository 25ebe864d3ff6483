/** Activates a TensorFlow.js backend, without its console output and with its error reasons. */

import { engine, env, registerBackend, removeBackend, setBackend } from "@tensorflow/tfjs-core";

/**
 * Runs `work` with TensorFlow.js's warnings off: a greeting on Node, and one for each kernel when a package brings its
 * own copy of the library. In tfjs-core 4 the flag has no other effect. It is in the registry that all copies share.
 */
export async function quiet<T>(work: () => Promise<T>): Promise<T> {
  const before = env().getBool("PROD");
  env().set("PROD", true);
  try {
    return await work();
  } finally {
    env().set("PROD", before);
  }
}

/**
 * Makes `name` the current backend.
 *
 * @throws the error of the backend's factory, which `tf.setBackend` would only log. The previous backend then stays
 *   current.
 */
export async function activate(name: string): Promise<void> {
  const registered = engine().registryFactory[name];
  if (!registered) throw new Error(`no backend "${name}" is registered with TensorFlow.js`);
  const { factory, priority } = registered;
  const before = engine().backendName;
  if (!(name in engine().registry)) {
    let failure: unknown;
    removeBackend(name);
    const observed = async () => {
      try {
        return await factory();
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    registerBackend(name, observed, priority);
    if (!(await setBackend(name))) {
      removeBackend(name);
      registerBackend(name, factory, priority);
      if (before && before !== name) await setBackend(before);
      throw failure ?? new Error(`TensorFlow.js could not initialise the backend "${name}"`);
    }
  } else await setBackend(name);
}
