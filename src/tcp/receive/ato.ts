/** The shortest delay of an ACK, µs (TCP_ATO_MIN). */
export const shortestAto = 40_000;
