import type { Child } from '../../packages/beamish/test/support/children.ts';
import type { Session } from './pair.ts';

/** Processes that meet at a server: they start when it says that it is ready, and it ends when they have ended. */
export async function meetAt(server: Child, ready: RegExp, startBoth: () => Promise<Session>): Promise<Session> {
  try {
    await server.waitForOutput(ready);
    const pair = await startBoth();
    return {
      run: (workload, time) => pair.run(workload, time),
      async [Symbol.asyncDispose]() {
        await pair[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
