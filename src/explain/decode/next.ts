/** What follows a link-layer header: its Ethernet type (0: judge by the IP version) and where it is. */
export interface Next {
  readonly type: number;
  readonly at: number;
  readonly end: number;
}
