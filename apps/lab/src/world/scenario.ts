/**
 * What a scenario file says. Files of apps/lab/scenarios are data: hosts, links, what programs on the hosts call, texts,
 * and the checks behind the verdict that the text promises. The arrows come from running them.
 */
import type { RouteAttributes } from '../../../../src/host/network.ts';
import type { Conditions } from '../../../../src/sim/conditions.ts';
import type { Intervention } from '../../../../src/sim/world.ts';
import type { Reason } from '../../../../src/tcp/reasons.ts';
import type { State } from '../../../../src/tcp/trace.ts';

/** The same text in both languages. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

/** How initial sequence numbers are chosen: a generator of the stack's, or a constant. */
export type IsnChoice = 'siphash' | 'md5' | number;

export interface ScenarioHost {
  readonly name: string;
  /** Shown above its lifeline; the name if not given. */
  readonly title?: Text;
  readonly address: string;
  /** A host that is switched off: packets to it arrive and nothing happens. */
  readonly off?: boolean;
  readonly gateway?: string;
  readonly route?: RouteAttributes;
  readonly sysctls?: Readonly<Record<string, string | number>>;
  readonly isn?: IsnChoice;
  /** What its clock of TCP timestamps shows at 0, in ms. */
  readonly timestampBase?: number;
  /** Further addresses, one interface each, in the order of the links. */
  readonly more?: readonly string[];
}

interface ScenarioLink {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly ab?: Conditions;
  /** The same as `ab` if not given. */
  readonly ba?: Conditions;
}

/** One call of a program. Times are µs. */
export type Step =
  /** Waits until a time of the world's clock. */
  | { readonly do: 'until'; readonly us: number }
  /** Waits for so long. */
  | { readonly do: 'sleep'; readonly us: number }
  /** socket, bind and listen; tries again `every` µs while that fails, if given. */
  | {
      readonly do: 'listen';
      readonly port: number;
      readonly backlog?: number;
      readonly reuse?: boolean;
      readonly every?: number;
      readonly tries?: number;
    }
  | { readonly do: 'accept' }
  /** socket, bind if `from` is given, connect; tries again while that fails, if `every` is given. */
  | {
      readonly do: 'connect';
      readonly to: string;
      readonly from?: string;
      readonly every?: number;
      readonly tries?: number;
      /** What to do with a socket that is connected to itself. */
      readonly self?: 'keep' | 'close' | 'reset';
      readonly timeoutMs?: number;
      /** Whether SO_REUSEADDR is set before a bind; it is, if not given. */
      readonly reuse?: boolean;
      /** Go on with the next step if it fails, without a connection. */
      readonly orElse?: 'next';
    }
  | { readonly do: 'send'; readonly text?: string; readonly bytes?: number }
  /** Reads until so many bytes are there or the stream ends. */
  | { readonly do: 'receive'; readonly bytes: number }
  | { readonly do: 'shutdown' }
  | { readonly do: 'close' }
  /** Closes with SO_LINGER 0: a RST. */
  | { readonly do: 'reset' }
  /** Closes the listening socket. */
  | { readonly do: 'stop' }
  | { readonly do: 'sysctl'; readonly name: string; readonly value: string | number }
  /** Sends a packet with a source address of its own choosing. `guess` is the last ISN this host was shown. */
  | {
      readonly do: 'forge';
      readonly link: string;
      readonly from: string;
      readonly to: string;
      readonly flags: readonly ('syn' | 'ack' | 'psh' | 'rst' | 'fin')[];
      readonly seq: number;
      readonly ack?: number | 'guess+1';
      readonly text?: string;
    };

/** A program on a host: its steps one after the other, on one connection at a time. */
export interface Program {
  readonly host: string;
  readonly name: string;
  /** Shown above its lifeline where programs have lanes of their own. */
  readonly title?: Text;
  readonly steps: readonly Step[];
}

/** One thing that must be true for the verdict; all of them must. */
export type Check =
  /** The last call of this name that the program made came to this: 0, a number, or an errno's name. */
  | {
      readonly kind: 'call';
      readonly program: string;
      readonly call: string;
      readonly is: string;
      readonly at?: number;
    }
  /** A host's most recent connection ended in this state. */
  | { readonly kind: 'state'; readonly host: string; readonly is: State }
  /** A host's connection has been in this state. */
  | { readonly kind: 'was'; readonly host: string; readonly is: State }
  /** So many packets, of these flags if given, were sent by a host. */
  | { readonly kind: 'sent'; readonly host: string; readonly flags?: string; readonly count: number }
  /** Something was told with this reason, or never. */
  | { readonly kind: 'reason'; readonly host: string; readonly is: Reason; readonly never?: boolean }
  /** The handshake settled these values at a host, as its event `negotiated` tells. */
  | { readonly kind: 'agreed'; readonly host: string; readonly values: Readonly<Record<string, number>> }
  /** How far apart the ISNs of a host's SYNs number `from` and `to` are, or that they are not so far apart. */
  | {
      readonly kind: 'isn-step';
      readonly host: string;
      readonly from: number;
      readonly to: number;
      readonly step: number;
      readonly not?: boolean;
    }
  /** All that a program has read. */
  | { readonly kind: 'read'; readonly program: string; readonly is: string };

/** A question: it stands before the run goes on, and the run answers it. */
interface Question {
  readonly text: Text;
  readonly answers: readonly Text[];
  readonly right: number;
}

/** A step of the story: what is told before, how far the diagram uncovers, what is told after. */
export interface StoryStep {
  /** Names nothing that the run is about to show: no number, state or error. */
  readonly say: Text;
  readonly ask?: Question;
  /** Where it ends: µs, the arrival (or loss) of a packet `link/sender/number`, or the end of the run. */
  readonly to: number | string;
  /** Why that was so. */
  readonly then: Text;
}

interface CodeLine {
  readonly text: string;
  readonly on?: 'connect' | 'refused' | 'self' | 'close' | 'connected';
}

export interface Scenario {
  /** The file's name without its ending. */
  readonly id: string;
  /** Of the list of topics that the lab covers. */
  readonly topic: number;
  readonly title: Text;
  /** The story, step by step; the last one ends at `end`. */
  readonly steps: readonly StoryStep[];
  readonly seed: number;
  readonly hosts: readonly ScenarioHost[];
  readonly links: readonly ScenarioLink[];
  /** The hosts to draw, from left to right. `host/program` draws the programs of a host each on a lane of its own. */
  readonly lanes: readonly string[];
  readonly programs: readonly Program[];
  readonly interventions?: readonly Intervention[];
  /** When to stop, µs; when nothing is left to happen if not given. */
  readonly untilUs?: number;
  readonly verdict: { readonly text: Text; readonly checks: readonly Check[] };
  /** What "compare" sets side by side with the scenario as it is: changes in the form of a link's. */
  readonly compare?: { readonly title: Text; readonly changes: string };
  /** Code that is stepped through beside the run: lines, and on which call's outcome each is run. */
  readonly code?: { readonly title: Text; readonly lines: readonly CodeLine[] };
  /** The same on another kernel: rows of a packet list, as the material has them. */
  readonly trace?: {
    readonly title: Text;
    /** What differs here, and why. */
    readonly note: Text;
    readonly rows: readonly { readonly time: string; readonly info: string }[];
  };
  /** Its packetdrill script: a file of scripts/. */
  readonly script?: string;
}

/** What a lane is called: a host by its name or title, `host/program` by the program's. */
export function laneTitle(scenario: Scenario, name: string, tx: (text: Text) => string): string {
  const slash = name.indexOf('/');
  if (slash >= 0) {
    const program = scenario.programs.find(
      (it) => it.host === name.slice(0, slash) && it.name === name.slice(slash + 1),
    );
    return program?.title === undefined ? name.slice(slash + 1) : tx(program.title);
  }
  const title = scenario.hosts.find((host) => host.name === name)?.title;
  return title === undefined ? name : tx(title);
}
