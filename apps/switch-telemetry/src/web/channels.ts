/** The topics that a browser can join (the contract of names and shapes). */
import { error, ok, PresenceTopic, type Channel, type ChannelFactory, type Presence } from '@beamish/phoenix';
import type { World } from 'beamish/world';
import { z } from 'zod';
import { clusterTopic, devicesTopic } from '../contract.ts';
import type { Push } from './telemetry-view.ts';
import type { Telemetry } from './telemetry.ts';

const visitor = z.object({
  key: z.string().min(1).max(64),
  name: z.string().trim().min(1).max(40),
  view: z.string().max(128).default('devices'),
});
const viewChange = z.object({ view: z.string().max(128) });

export interface ChannelsOptions {
  readonly world: World;
  readonly nodeName: string;
  readonly telemetry: () => Telemetry;
  readonly push: (push: Push) => void;
}

export function channels({ world, nodeName, telemetry, push }: ChannelsOptions): Record<string, ChannelFactory> {
  const lobby = new PresenceTopic(world.random, (diff) =>
    push({ topic: 'lobby', event: 'presence_diff', payload: diff }),
  );
  return {
    [devicesTopic]: () => ({
      join() {
        const { view } = telemetry();
        return ok({ devices: view.devices(), recent: view.recent(), now: world.clock.wallTime() });
      },
      handleIn: unknownPush,
    }),
    'device:*': () => ({
      join(_params, { rest }) {
        const known = telemetry().view.device(rest);
        return known === undefined
          ? error({ reason: 'unknown device' })
          : ok({ device: known.summary, last: known.last });
      },
      handleIn: unknownPush,
    }),
    [clusterTopic]: () => ({ join: () => ok({ nodes: telemetry().nodes() }), handleIn: unknownPush }),
    lobby: () => lobbyChannel(lobby, nodeName, () => world.clock.wallTime()),
  };
}

function lobbyChannel(lobby: PresenceTopic, node: string, now: () => number): Channel {
  let presence: Presence | undefined;
  let meta = { name: '', joined_at: 0, node, view: '' };
  return {
    join(params, socket) {
      const parsed = visitor.safeParse(params);
      if (!parsed.success) return error({ reason: z.prettifyError(parsed.error) });
      const { key, name, view } = parsed.data;
      meta = { name, joined_at: now(), node, view };
      presence = lobby.track(key, meta);
      socket.push('presence_state', lobby.state());
      return ok();
    },
    handleIn(event, payload) {
      const parsed = event === 'view' ? viewChange.safeParse(payload) : undefined;
      if (parsed === undefined) return unknownPush(event);
      if (!parsed.success) return error({ reason: z.prettifyError(parsed.error) });
      meta = { ...meta, view: parsed.data.view };
      presence?.update(meta);
      return ok();
    },
    terminate: () => presence?.leave(),
  };
}

/** Answered, not crashed: a page of another version must not lose its live data over it. */
function unknownPush(event: string) {
  return error({ reason: `unknown event ${event}` });
}
