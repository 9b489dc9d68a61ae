/** What components take from the library, in one place. */
export { Sysctls } from '../../../src/host/sysctl.ts';
export type { PacketName } from '../../../src/sim/events.ts';
export type { State } from '../../../src/tcp/trace.ts';
export { rules, ruleText } from '../../../src/view/rules.ts';
export { sentence } from '../../../src/view/words.ts';
export { formatEndpoint } from '../../../src/wire/address.ts';
