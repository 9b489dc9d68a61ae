/** What `halfopen self-connect` tells. `[…]` is set off on a terminal. */
export const selfConnectTexts = {
  help: {
    en: `Usage: halfopen self-connect [OPTION]...

Shows how a program that waits for a service on its own host connects to itself instead, what that does to the
service, and how halfopen/guard prevents it. Takes some seconds; tries at most 200,000 times and 60 s each way.

It runs on the real kernel in a network namespace of its own, which is gone afterwards. That needs root or user
namespaces; without them it runs on a host of halfopen's own.

  --here         in this network instead: no privilege needed; the port stays in TIME-WAIT for a minute
  --virtual      on a host of halfopen's own
  --port PORT    the service's port (default 50000); with --here it must be one where nobody listens
  --json         what was seen, as JSON
  --lang en|zh   language (else that of LC_ALL or LANG)

Exit: 0 shown, 1 no self-connect was met within the bounds, 2 wrong usage or not possible here.

Examples:
  halfopen self-connect
  halfopen self-connect --here --port 51234
  halfopen self-connect --json | jq .unguarded.tries
`,
    zh: `用法：halfopen self-connect [选项]...

演示一个等待本机服务的程序如何连上了自己、这对服务有什么影响，以及 halfopen/guard 如何避免。
需要几秒钟；每种做法最多尝试 200,000 次、60 秒。

默认在真实内核上运行，使用独立的网络命名空间，结束后即消失。这需要 root 或用户命名空间；
都没有时，在 halfopen 自己的虚拟主机上运行。

  --here         就在当前网络里运行：不需要特权；端口会在 TIME-WAIT 里停留一分钟
  --virtual      在 halfopen 自己的虚拟主机上运行
  --port 端口    服务的端口（默认 50000）；与 --here 同用时，该端口上不能有人监听
  --json         以 JSON 输出所见
  --lang en|zh   语言（不指定时取 LC_ALL 或 LANG）

退出码：0 演示成功，1 在限度内没有遇到自连接，2 用法错误或此处无法运行。

示例：
  halfopen self-connect
  halfopen self-connect --here --port 51234
  halfopen self-connect --json | jq .unguarded.tries
`,
  },
  title: { en: 'A program that connects to itself', zh: '一个连上了自己的程序' },
  namespace: {
    en: "on this machine's kernel, in a network namespace of its own",
    zh: '在本机内核上，独立的网络命名空间里',
  },
  here: { en: "on this machine's kernel, in this very network", zh: '在本机内核上，就在当前网络里' },
  virtual: {
    en: "on a host of halfopen's own (its TCP, no kernel; seed 1)",
    zh: '在 halfopen 自己的主机上（用它自己的 TCP，没有内核；随机种子 1）',
  },
  heading: { en: '{title}, {place}', zh: '{title}（{place}）' },
  intro: {
    en: `A service belongs on 127.0.0.1:{port}, but it is down. Its client, on the same host, tries again until it is up.
Each connect() needs a port at its own end too. It gets one from {low} to {high}, and {port} is one of those.`,
    zh: `有个服务应当监听 127.0.0.1:{port}，但它停了。同一台主机上的客户端不断重试，等它起来。
每次 connect() 自己这一端也要有端口，由内核从 {low} 到 {high} 中分配，而 {port} 就在其中。`,
  },
  one: { en: '1. The client tries', zh: '1. 客户端尝试连接' },
  tries: { en: '{count} tries', zh: '尝试 {count} 次' },
  triesIn: { en: '{count} tries in {seconds} s', zh: '{seconds} 秒内尝试 {count} 次' },
  badLuck: {
    en: '   {tried}, and it has not met itself: bad luck, run it again.',
    zh: '   {tried}，没有连上自己：运气不好，请再运行一次。',
  },
  allButLast: {
    en: '   {tried}. All were refused, but the last: that one is {connected}.',
    zh: '   {tried}。全部被拒绝，只有最后一次：它{connected}。',
  },
  connected: { en: 'connected', zh: '连上了' },
  two: { en: '2. Connected with whom? Nobody listens there', zh: '2. 连上了谁？那里没有人监听' },
  ends: {
    en: `   its own end     {local}
   the other end   {remote}
   It writes       "{wrote}"
   and reads       "{read}"
   It is connected to itself. On the wire (from halfopen's own TCP):`,
    zh: `   本端     {local}
   对端     {remote}
   写入     "{wrote}"
   读到     "{read}"
   它连上了自己。线路上的报文（由 halfopen 自己的 TCP 给出）：`,
  },
  why: {
    en: `   The SYN came back to the socket that sent it, and TCP takes that for a peer that opens at the same time
   (RFC 9293, section 3.5). Every health check that stops at "connected" is content.`,
    zh: `   SYN 回到了发出它的套接字，TCP 把这当作对方也在同时打开（RFC 9293 第 3.5 节）。
   凡是只看“连上没有”的健康检查都会满意。`,
  },
  three: { en: '3. The service wants to start', zh: '3. 服务要启动' },
  listenOn: { en: '   listen on {port}   {result}', zh: '   监听 {port}   {result}' },
  portTaken: { en: 'its own client sits on its port', zh: '它的端口被自己的客户端占着' },
  clientCloses: {
    en: '   The client notices, and closes as programs do.',
    zh: '   客户端发现了，像普通程序那样关闭连接。',
  },
  portWaits: { en: 'the port stays in TIME-WAIT for a minute', zh: '端口要在 TIME-WAIT 里停留一分钟' },
  up: { en: 'up', zh: '启动成功' },
  failed: { en: '{code}: {why}', zh: '{code}：{why}' },
  ruleOfGuard: { en: "the guard's rule", zh: 'guard 的规则' },
  four: { en: '4. The same with the guard', zh: '4. 同样的事，加上 guard' },
  fourOn: {
    en: '{four} ({rule}), on port {port}, since {first} is still taken',
    zh: '{four}（{rule}），改用端口 {port}，因为 {first} 还被占着',
  },
  guardBadLuck: {
    en: '   {tried}, and the guard has met no self-connect: bad luck, run it again.',
    zh: '   {tried}，guard 没有遇到自连接：运气不好，请再运行一次。',
  },
  allRefused: { en: 'all refused', zh: '全部被拒绝' },
  guarded: {
    en: '   {tried}, {refused}. The last was a self-connect; the client was told ECONNREFUSED, as ever.',
    zh: '   {tried}，{refused}。最后一次是自连接；客户端得到的仍是 ECONNREFUSED。',
  },
  answered: {
    en: '   listen on {port}   {up}, at once. The client\'s next try reads "{answer}"',
    zh: '   监听 {port}   {up}，立刻就行。客户端下一次尝试读到 "{answer}"',
  },
  remedies: { en: 'How to stay out of it', zh: '如何避免' },
  remedyList: {
    en: `   a Node program         node --import halfopen/guard app.js
   every program here     sysctl -w net.ipv4.ip_local_reserved_ports={port}
   does it happen here?   halfopen doctor`,
    zh: `   单个 Node 程序     node --import halfopen/guard app.js
   本机所有程序       sysctl -w net.ipv4.ip_local_reserved_ports={port}
   本机有没有发生？   halfopen doctor`,
  },
  progress: { en: '   {count} tries ... ', zh: '   已尝试 {count} 次…… ' },
  exclusive: { en: '--here and --virtual exclude each other', zh: '--here 与 --virtual 不能同时使用' },
  needsLinux: {
    en: "--here needs Linux; without it this runs on a host of halfopen's own",
    zh: '--here 需要 Linux；不加它则在 halfopen 自己的主机上运行',
  },
  badPort: {
    en: "--port takes a number from 1 to 65535, not '{text}'",
    zh: '--port 应为 1 到 65535 的数字，不能是“{text}”',
  },
  noNamespace: {
    en: "no network namespace can be made here (root, unshare and ip are needed), so this is halfopen's own TCP; --here shows the kernel's.",
    zh: '此处无法建立网络命名空间（需要 root、unshare 与 ip），因此用的是 halfopen 自己的 TCP；--here 可以看内核的。',
  },
  hint: { en: 'choose another --port, such as {port}', zh: '请用 --port 换一个端口，例如 {port}' },
  outOfRange: {
    en: 'port {port} is not one that a connect() is given (net.ipv4.ip_local_port_range is {low} to {high}), so nothing can connect to itself there; {hint}',
    zh: '内核不会把端口 {port} 分配给 connect()（net.ipv4.ip_local_port_range 是 {low} 到 {high}），在那里不可能连上自己；{hint}',
  },
  evenFirst: {
    en: 'connect() tries the even ports first, and {port} is none, so it would take very long to meet itself there; {hint}',
    zh: 'connect() 先试偶数端口，而 {port} 不是，要很久才会在那里连上自己；{hint}',
  },
  oddFirst: {
    en: 'connect() tries the odd ports first, and {port} is none, so it would take very long to meet itself there; {hint}',
    zh: 'connect() 先试奇数端口，而 {port} 不是，要很久才会在那里连上自己；{hint}',
  },
  reserved: {
    en: 'port {port} is reserved (net.ipv4.ip_local_reserved_ports), so no connect() is given it; {hint}',
    zh: '端口 {port} 被保留（net.ipv4.ip_local_reserved_ports），不会分配给任何 connect()；{hint}',
  },
  connectFailed: { en: 'connect to {where} failed with {code}', zh: '连接 {where} 失败：{code}' },
  somebodyListens: {
    en: 'somebody listens on {where}; choose another --port',
    zh: '{where} 上有人监听；请用 --port 换一个端口',
  },
  somethingAnswered: {
    en: 'something answered on {where}; choose another --port',
    zh: '{where} 有人应答；请用 --port 换一个端口',
  },
  couldNotListen: { en: 'the service could not listen: {code}', zh: '服务无法监听：{code}' },
  couldNotReach: { en: 'the service could not be reached: {code}', zh: '连不上服务：{code}' },
  acceptedNobody: { en: 'the service accepted nobody: {code}', zh: '服务没有接受任何连接：{code}' },
  neverEnded: { en: 'a call never ended (seed {seed})', zh: '有调用一直没有返回（随机种子 {seed}）' },
} as const;
