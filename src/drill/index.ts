/** The public face of the script runner: `halfopen/drill`. */
export type {
  Advance,
  ControlMessage,
  DrillNetwork,
  EpollEvent,
  InfoKind,
  IpVersion,
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
