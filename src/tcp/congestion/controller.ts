/** The congestion controls by name, and the one that a connection uses. */
import type { Connection } from '../connection.ts';
import { Cubic } from './cubic.ts';
import type { Controller, Flow } from './interface.ts';
import { reno } from './reno.ts';

const controllers: Readonly<Record<string, (flow: Flow) => Controller>> = {
  reno: () => reno,
  cubic: (flow) => new Cubic(flow),
};

/** The names that TCP_CONGESTION and net.ipv4.tcp_congestion_control take. */
export const congestionControls: readonly string[] = Object.keys(controllers);

/** A connection's controller, made when it is asked for first, and anew when the application chose another. */
export function controllerOf(conn: Connection): Controller {
  const { congestion } = conn.options;
  if (conn.controller === null || conn.controller.name !== congestion)
    conn.controller = (controllers[congestion] ?? controllers.cubic!)(conn);
  return conn.controller;
}
