/** The public face of the script runner: `halfopen/drill`. */
export { DrillError, type Failure, type FailureKind, type PacketLine } from './failure.ts';
export { type ServerOptions, StackServer } from './foreign/server.ts';
export {
  openStack,
  type StackEnd,
  type StackOptions,
  type StackTransport,
  stackEnded,
} from './foreign/system.ts';
export type { TracedPacket } from './machine.ts';
export { type HostSystem, type HostSystemOptions, openHost } from './on-host.ts';
export { formatFailure, type ReportStyle } from './report.ts';
export { type AsyncRunOptions, type RunOptions, type RunResult, runScript, runScriptAsync } from './run.ts';
export type { ShellFile } from './shell-context.ts';
export type { PythonRunner, Snippet } from './snippets.ts';
export type {
  Advance,
  Answer,
  AsyncSystemUnderTest,
  ControlMessage,
  DrillNetwork,
  EpollEvent,
  InfoKind,
  IpVersion,
  OpenAsyncSystem,
  OpenSystem,
  OutboundPacket,
  Outcome,
  ReceiveCall,
  SendCall,
  SocketAddress,
  SystemCall,
  SystemUnderTest,
} from './system-under-test.ts';
export { optionInt, readOptionInt } from './system-under-test.ts';
