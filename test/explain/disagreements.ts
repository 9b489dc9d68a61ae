/**
 * Rows of the truth tables with which explain does not agree, who is right, and why. Key: file and tshark's stream. The frames
 * are those that show it. test/explain-truth.test.ts holds that nothing else differs and that all of these still do.
 */
export const disagreements: Readonly<Record<string, string>> = {
  'async_oneside_rst.pcap 0':
    'explain: all 83 packets are of one direction; the client acknowledges data in frame 2 and on, so there was a SYN+ACK. The RST of frame 83 ends a connection that lived 10 s; it did not give up a SYN.',
  'bad_tcp_options.pcap 1':
    "explain: both sides acknowledge each other and carry data (frames 5, 7, 10, 14) before the server's RST in frame 21. The connection was there, only its SYN+ACK is not in the capture; a refusal would be an RST that answers the SYN.",
  'bad_tcp_options.pcap 8':
    'explain: frame 46 claims a TCP header of 40 bytes, but its IP packet carries fewer; the same byte 0xaa is repeated throughout. No host reads that as a SYN; explain counts it as a damaged segment.',
  'ecn_fallback_icmp6.pcap 0':
    'explain: frame 2 is an ICMPv6 error (no route to destination) that quotes the SYN of frame 1, 34 µs later. The tables have no class for ICMP.',
  'ecn_fallback_icmp6.pcap 1':
    'explain: frames 4, 10, 14 and 16 are ICMPv6 errors that quote the SYNs of frames 3, 9, 13 and 15. The tables have no class for ICMP.',
  'rst_then_port_reuse.pcap 0':
    'explain: the RST of frame 2 has no ACK flag and a number of its own; in SYN-SENT such an RST is dropped (RFC 9293 section 3.10.7.3). So the SYN of frame 1 was not refused; it has no answer before the client sends another in frame 3.',
  'split_5whs.pcap 0':
    'explain: frames 1 to 5 are one handshake of five packets (SYN, ACK, SYN of the server, SYN+ACK of the client, ACK); tshark cuts it in two.',
  'split_5whs.pcap 1':
    'explain: the second part of the same handshake (frames 3 to 5), taken for a connection the other way round.',
  'syn_spoof_same_tuple.pcap 12':
    "explain: frames 13, 20 and 24 are three copies of one client's SYN (same number, back-off of 1 s and 2 s) between spoofed ones; tshark counts each as a connection.",
  'syn_spoof_same_tuple.pcap 19': 'explain: see stream 12; frame 20 is its second copy.',
  'syn_spoof_same_tuple.pcap 23':
    'explain: see stream 12; frame 24 is its third copy, the one answered (frame 25 echoes its time stamp).',
  'vlan_mpls.pcap 0':
    'explain: all 11 packets are of one direction; the client acknowledges the server from frame 2 on, so the SYN of frame 1 was answered. One-sided.',
  'vxlan_overlapping_tuples.pcap 0':
    'explain: frames 1, 2 and 3 are SYNs of three connections with the same tuple: under VNI 4711, under VNI 4242, and without VXLAN. tshark merges them into one stream.',
};
