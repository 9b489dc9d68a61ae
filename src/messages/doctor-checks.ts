/** What each check of `halfopen doctor` looks for, and in one sentence why that matters. */
/** By the id of the check: one line for lists, and why it matters. */
export const checkTexts = {
  'self-connected-socket': {
    title: { en: 'a socket is connected to itself', zh: '有套接字连上了自己' },
    why: {
      en: 'The client reads its own bytes as the answer, and the service whose port it holds cannot bind.',
      zh: '客户端把自己发出的字节当成应答读回来，而端口被它占住的服务无法绑定。',
    },
  },
  'listener-in-ephemeral-range': {
    title: {
      en: 'a service listens on a port that outgoing connections are given',
      zh: '服务监听在会分给外出连接的端口上',
    },
    why: {
      en: 'While the service is down a client that retries on this host can be given that very port, connects to itself, and the service cannot bind.',
      zh: '服务停止期间，本机上重试的客户端可能正好分到这个端口，从而连上自己，服务就无法绑定。',
    },
  },
  'ephemeral-pressure': {
    title: {
      en: 'outgoing connections to one destination use up the ephemeral ports',
      zh: '到同一目的地的连接快用完临时端口',
    },
    why: {
      en: 'When the last port is taken connect() fails with EADDRNOTAVAIL, and no kernel counter shows it.',
      zh: '最后一个端口用掉之后，connect() 会以 EADDRNOTAVAIL 失败，而内核没有任何计数器显示这一点。',
    },
  },
  'node-port-overlap': {
    title: {
      en: 'ephemeral ports overlap with the NodePort range of Kubernetes (30000-32767)',
      zh: '临时端口与 Kubernetes 的 NodePort 范围（30000-32767）重叠',
    },
    why: {
      en: 'On a Kubernetes node an outgoing connection can take a NodePort, and traffic for the service then hits that connection or the other way round.',
      zh: '在 Kubernetes 节点上，外出连接可能占用 NodePort，发给服务的流量会撞上那条连接，反之亦然。',
    },
  },
  'descriptors-exhausted': {
    title: { en: 'a process holds as many files as it may', zh: '进程打开的文件已达上限' },
    why: {
      en: 'Then accept(), socket() and connect() fail with EMFILE: clients wait in the queue, or are accepted and closed at once.',
      zh: '此时 accept()、socket() 和 connect() 都以 EMFILE 失败：客户端在队列里等待，或者被接受后立刻关闭。',
    },
  },
  'listener-stopped': {
    title: { en: 'the process of a listener is stopped', zh: '监听进程被暂停' },
    why: {
      en: 'The kernel goes on completing handshakes for it, so that clients connect and then wait for an answer that does not come.',
      zh: '内核仍替它完成握手，客户端连上之后只能一直等待应答。',
    },
  },
  'listener-stuck': {
    title: {
      en: 'connections wait at a listener and accept() takes none',
      zh: '连接在监听者处等待，而 accept() 一个也不取',
    },
    why: {
      en: 'Handshakes complete and then nothing happens: the process is stuck, too slow, or one of several with the same port does not take its share.',
      zh: '握手完成之后什么都不发生：进程卡住、太慢，或者共用端口的多个监听者之一没有取走自己的那份。',
    },
  },
  'bound-ports-exhausted': {
    title: {
      en: 'all ephemeral ports of an address are taken, whatever the destination',
      zh: '某个地址的临时端口全部被占，与目的地无关',
    },
    why: {
      en: 'A program that calls bind() with an address before connect() needs a port that nobody has: bind() fails with EADDRINUSE.',
      zh: '先 bind() 地址再 connect() 的程序需要一个没人用的端口：bind() 以 EADDRINUSE 失败。',
    },
  },
  'self-connect-trap': {
    title: {
      en: 'a program keeps connecting to a local port that connect() hands out and nobody listens on',
      zh: '程序不断连接一个无人监听、又会分给 connect() 的本机端口',
    },
    why: {
      en: 'Sooner or later it is given that very port as its own, connects to itself, and the service cannot bind.',
      zh: '它迟早会分到这个端口作为自己的端口，从而连上自己，服务就无法绑定。',
    },
  },
  'accept-queue-full': {
    title: { en: 'the accept queue of a listener is full', zh: '监听者的全连接队列已满' },
    why: {
      en: 'New clients get no answer to their handshake and wait in SYN-SENT until it times out.',
      zh: '新客户端的握手得不到应答，停在 SYN-SENT 直到超时。',
    },
  },
  'listen-overflows': {
    title: { en: 'connections are dropped because an accept queue is full', zh: '全连接队列满，连接被丢弃' },
    why: {
      en: 'Each one is a client that waits at least a second longer, or fails.',
      zh: '每一次都意味着一个客户端至少多等一秒，或者失败。',
    },
  },
  'syn-queue-drops': {
    title: {
      en: 'SYNs are dropped when the queue of half-open connections is full',
      zh: '半连接队列满时 SYN 被丢弃',
    },
    why: {
      en: 'Without SYN cookies a few hundred forged SYNs keep every client out.',
      zh: '没有 SYN cookie，几百个伪造的 SYN 就能把所有客户端挡在外面。',
    },
  },
  'syn-cookies-sent': {
    title: {
      en: 'the queue of half-open connections is full and SYN cookies answer',
      zh: '半连接队列已满，由 SYN cookie 应答',
    },
    why: {
      en: 'Connections made from a cookie lose options (window scaling and SACK without timestamps), and a backlog that is too small looks like an attack.',
      zh: '由 cookie 建立的连接会丢失选项（没有时间戳时的窗口缩放和 SACK），而过小的 backlog 看上去就像攻击。',
    },
  },
  'half-open-piling-up': {
    title: { en: 'half-open connections pile up in SYN-RECEIVED', zh: 'SYN-RECEIVED 状态的半开连接越积越多' },
    why: {
      en: 'Their SYN,ACKs go unanswered: the way back to the clients is broken, or the SYNs are forged.',
      zh: '它们的 SYN,ACK 得不到应答：回到客户端的路不通，或者 SYN 是伪造的。',
    },
  },
  'small-backlog': {
    title: { en: 'the settings cut the backlog of every listener', zh: '系统设置削减了每个监听者的 backlog' },
    why: {
      en: 'A burst of clients larger than the backlog is dropped although the service could have served it a moment later.',
      zh: '客户端一次涌入超过 backlog 就会被丢弃，尽管服务片刻之后就能处理。',
    },
  },
  'abort-on-overflow': {
    title: { en: 'a full accept queue answers with a reset', zh: '全连接队列满时以复位应答' },
    why: {
      en: 'A short burst becomes failed connections, where a dropped ACK would be sent again a moment later and get in.',
      zh: '短暂的高峰变成连接失败；若只是丢弃 ACK，它片刻之后会重发并成功。',
    },
  },
  'no-way-back': {
    title: {
      en: 'SYNs are dropped because no route leads back to where they came from',
      zh: 'SYN 被丢弃，因为没有路由回到它的来源',
    },
    why: {
      en: 'A SYN whose answer cannot be sent is dropped in silence: the client waits until it times out.',
      zh: '应答发不出去的 SYN 被无声地丢弃：客户端等到超时为止。',
    },
  },
  'unexplained-listen-drops': {
    title: {
      en: 'SYNs are dropped at a listener and no counter beside it says why',
      zh: '监听者处有 SYN 被丢弃，旁边的计数器都不能说明原因',
    },
    why: {
      en: 'Each one is a client that waits at least a second longer, or fails.',
      zh: '每一次都意味着一个客户端至少多等一秒，或者失败。',
    },
  },
  'no-route': {
    title: { en: 'packets and connects find no route', zh: '分组和连接找不到路由' },
    why: {
      en: 'A connect() fails at once with ENETUNREACH, or an answer cannot be sent.',
      zh: 'connect() 立即以 ENETUNREACH 失败，或者应答发不出去。',
    },
  },
  'conntrack-drops': {
    title: {
      en: 'connection tracking drops the first packets of connections',
      zh: '连接跟踪丢弃连接的第一个分组',
    },
    why: {
      en: 'A SYN that finds no free port for its translation, or no room in the table, is dropped in silence.',
      zh: '转换时找不到空闲端口，或者表中没有位置，SYN 就被无声地丢弃。',
    },
  },
  'lost-syns': {
    title: {
      en: 'SYNs or answers that arrive are dropped or rejected here',
      zh: '到达的 SYN 或应答在本机被丢弃或拒绝',
    },
    why: {
      en: 'The other host waits until it times out, or is refused, although both it and the service are well.',
      zh: '对方等到超时，或者被拒绝，尽管对方和服务本身都正常。',
    },
  },
  'listener-elsewhere': {
    title: {
      en: 'a client asks one address of this host for a service that listens on another one',
      zh: '客户端请求本机的一个地址，而服务监听在另一个地址上',
    },
    why: {
      en: 'The client is refused although the service runs: it listens on loopback or on one family only, or its name means another address.',
      zh: '服务在运行，客户端却被拒绝：它只监听回环地址或一种地址族，或者它的名字解析到了另一个地址。',
    },
  },
  'reverse-path-drops': {
    title: {
      en: 'packets are dropped because their source is not routed the way they came',
      zh: '分组被丢弃，因为回到其来源的路由与它来的路不同',
    },
    why: {
      en: 'With asymmetric routes the reverse path filter drops every SYN of a client, in silence.',
      zh: '路由不对称时，反向路径过滤会无声地丢弃客户端的每一个 SYN。',
    },
  },
  'misrouted-packets': {
    title: {
      en: 'packets arrive for addresses that this host does not have',
      zh: '收到发往本机没有的地址的分组',
    },
    why: {
      en: 'Without forwarding they are dropped in silence: a router, a NAT or a load balancer sends them to the wrong host, or this one should forward.',
      zh: '没有开启转发时它们被无声地丢弃：路由器、NAT 或负载均衡把它们发错了主机，或者本机本应转发。',
    },
  },
  'checksum-errors': {
    title: { en: 'segments are dropped because their checksum is wrong', zh: '报文段因校验和错误被丢弃' },
    why: {
      en: 'A damaged segment is dropped in silence: an interface, a tunnel or a NAT spoils packets, often by offloading that does not work.',
      zh: '损坏的报文段被无声地丢弃：某个接口、隧道或 NAT 弄坏了分组，常见原因是硬件卸载失灵。',
    },
  },
  'device-drops': {
    title: {
      en: 'an interface or its queue drops packets before TCP sees them',
      zh: '接口或其队列在 TCP 看到之前就丢弃了分组',
    },
    why: {
      en: 'A lost SYN costs a second, and no counter of TCP shows it.',
      zh: '丢失一个 SYN 要多等一秒，而 TCP 的计数器都不显示。',
    },
  },
  'firewall-drops': {
    title: {
      en: 'a firewall rule of this host takes away packets for a port that is in use here',
      zh: '本机防火墙规则拦下了发往在用端口的分组',
    },
    why: {
      en: 'The client gets no answer, or a refusal, from a service that runs.',
      zh: '客户端从正在运行的服务得不到应答，或者被拒绝。',
    },
  },
  'other-drops': {
    title: { en: 'another counter of lost segments grows', zh: '另有丢失报文段的计数器在增长' },
    why: {
      en: 'Something that is not among the usual causes takes segments away, and this counter is what the kernel says of it.',
      zh: '有不属于常见原因的东西丢弃了报文段，这个计数器就是内核对此的说明。',
    },
  },
  'neighbour-table-full': {
    title: { en: 'the table of neighbours (ARP, NDP) is full', zh: '邻居表（ARP、NDP）已满' },
    why: {
      en: 'Packets to a neighbour that does not fit in it are dropped, SYNs as well, and connect() may fail with ENOBUFS or EINVAL.',
      zh: '放不进表里的邻居，发给它的分组（包括 SYN）会被丢弃，connect() 可能以 ENOBUFS 或 EINVAL 失败。',
    },
  },
  'neighbour-silent': {
    title: {
      en: 'connections wait for a neighbour that does not answer ARP',
      zh: '连接在等待一个不响应 ARP 的邻居',
    },
    why: {
      en: 'The SYNs never leave this host: the address is on the own link and nobody has it, or a filter or VLAN is between.',
      zh: 'SYN 根本没有离开本机：地址在直连链路上但无人拥有，或者中间有过滤或 VLAN。',
    },
  },
  'tcp-memory': {
    title: { en: 'TCP has used up the memory that it may use', zh: 'TCP 用完了允许使用的内存' },
    why: {
      en: 'Above the limit segments are dropped and new connections fail, whatever the application does.',
      zh: '超过上限后，无论应用怎么做，报文段都会被丢弃，新连接会失败。',
    },
  },
  'too-many-orphans': {
    title: { en: 'there are more orphaned connections than may be', zh: '孤儿连接超过上限' },
    why: {
      en: 'Connections that a program has closed and the peer has not are then reset, and their data is lost.',
      zh: '程序已关闭而对端尚未关闭的连接会被复位，其数据丢失。',
    },
  },
  'syn-sent-stuck': {
    title: { en: 'connections wait in SYN-SENT without an answer', zh: '连接停在 SYN-SENT，得不到应答' },
    why: {
      en: 'The SYNs or their answers are lost: a firewall drops them, the route is wrong, or the other host is down.',
      zh: 'SYN 或其应答丢失了：防火墙丢弃、路由错误，或者对方主机停机。',
    },
  },
  retransmissions: {
    title: { en: 'segments are sent again after a time-out', zh: '超时后重传了报文段' },
    why: {
      en: 'Each time-out is a wait of at least 200 ms, and for a SYN of a second: packets are lost on the way.',
      zh: '每次超时至少等待 200 毫秒，SYN 则是一秒：路上有分组丢失。',
    },
  },
  'pmtu-black-hole': {
    title: {
      en: 'established connections send large segments that nobody acknowledges',
      zh: '已建立的连接发出的大报文段无人确认',
    },
    why: {
      en: 'The path drops packets above some size and the ICMP messages that say so: handshakes work, and then everything hangs.',
      zh: '路径丢弃超过某个大小的分组，也丢弃说明此事的 ICMP：握手正常，之后一切停住。',
    },
  },
  'connect-timeout': {
    title: {
      en: 'connect() to an address that does not answer takes long to fail',
      zh: '连接不应答的地址要很久才失败',
    },
    why: {
      en: 'Callers have given up long before, so that the real reason of a failure shows up nowhere.',
      zh: '调用者早已放弃，失败的真正原因在哪里都看不到。',
    },
  },
  'conntrack-full': {
    title: { en: 'the connection tracking table is nearly full', zh: '连接跟踪表快满了' },
    why: {
      en: 'When it is full the firewall drops the first packet of every new connection.',
      zh: '表满之后，防火墙会丢弃每条新连接的第一个分组。',
    },
  },
  'time-wait-overflow': {
    title: { en: 'there is no room for more TIME-WAIT', zh: 'TIME-WAIT 没有位置了' },
    why: {
      en: 'Connections are forgotten at once, so that late segments of an old connection can disturb a new one with the same ports.',
      zh: '连接被立刻遗忘，旧连接迟到的报文段可能干扰端口相同的新连接。',
    },
  },
  'challenge-acks': {
    title: { en: 'segments arrive that do not fit their connection', zh: '收到与连接不符的报文段' },
    why: {
      en: 'A peer that was restarted, a NAT that forgot, or somebody who guesses sends into live connections, and new ones on the same ports stall (RFC 5961).',
      zh: '重启过的对端、忘记了状态的 NAT，或者猜测者向活动连接发送报文段，使用相同端口的新连接会卡住（RFC 5961）。',
    },
  },
  'paws-drops': {
    title: {
      en: 'segments are dropped because their timestamp is too old (PAWS)',
      zh: '报文段因时间戳过旧被丢弃（PAWS）',
    },
    why: {
      en: 'Clients behind one address have clocks of their own, and the one that is behind is not heard (RFC 7323, section 5).',
      zh: '同一地址后面的客户端各有各的时钟，时钟落后的那个发来的报文段会被忽略（RFC 7323 第 5 节）。',
    },
  },
  'disabled-options': {
    title: { en: 'timestamps, window scaling or SACK are off', zh: '时间戳、窗口缩放或 SACK 被关闭' },
    why: {
      en: 'Both ends must offer an option in the handshake, so every connection of this host does without.',
      zh: '选项要在握手时由两端同时提供，因此本机的每条连接都用不上它。',
    },
  },
} as const;

/** The ids of all checks. */
export type CheckId = keyof typeof checkTexts;
