/** What `halfopen tun` says. */
export const tunTexts = {
  help: {
    en: `Usage: halfopen tun serve [OPTION]... [-- COMMAND...]
       halfopen tun connect ADDRESS PORT [OPTION]... [-- COMMAND...]

A host with our TCP on a TUN device, for real programs to talk to. serve has a small HTTP server (/, /bytes/N, POST) and echo;
connect is like nc: standard input goes out, what comes is printed. It answers ping, on IPv4 and IPv6.

By default device and host live in a network namespace of their own, which is gone afterwards, whatever the end; nothing of this
machine changes. COMMAND runs in it and ends the whole; the nsenter line for other programs is printed. That needs root, or user
namespaces for everybody. COMMAND is no sandbox: it sees your files.

  --dev NAME            a TUN device of this machine instead of a namespace; it is made if it does not exist, and gets no address
  --address LIST        the host's addresses (default 192.0.2.2/24,2001:db8::2/64)
  --kernel-address LIST the kernel's, at the other end (default 192.0.2.1/24,2001:db8::1/64)
  --gateway ADDRESS     next hop of the host (default the first of the kernel's)
  --port N              the HTTP server's port (default 8080)
  --echo-port N         the echo server's (default 7)
  --mtu N               bytes (default 1500)
  --sysctl NAME=VALUE   a setting of the host, several times
  --ladder              draw the packets as they pass, on standard error
  --pcap FILE           write all packets to FILE (pcapng)
  --loss P              the share of packets that get lost, 0 to 1; each way, as the next ones
  --delay MS            how long each packet takes, ms
  --reorder P           the share of packets that later ones overtake
  --duplicate P         the share of packets that arrive twice
  --seed N              seed of what the last four draw (default 1)
  --lang en|zh  --help

Exit: that of COMMAND; 0 after an interrupt, or when the connection has ended; 1 if it failed or nothing could be set up; 2 wrong usage.

Examples:
  halfopen tun serve -- curl http://192.0.2.2:8080/
  halfopen tun serve --ladder --loss 0.05 -- ping -c 3 2001:db8::2
  echo hello | halfopen tun connect 192.0.2.1 9000 -- nc -l 9000
`,
    zh: `用法：halfopen tun serve [选项]... [-- 命令...]
      halfopen tun connect 地址 端口 [选项]... [-- 命令...]

在 TUN 设备上运行一台使用我们的 TCP 的主机，供真实程序与之通信。serve 提供小型 HTTP 服务（/、/bytes/N、POST）和回显；
connect 类似 nc：标准输入发送出去，收到的内容打印出来。IPv4 和 IPv6 都应答 ping。

默认情况下，设备和主机位于自己的网络命名空间中，无论怎样结束都会消失；本机的任何设置都不变。
命令在该命名空间中运行，命令结束则整个结束；其他程序进入所用的 nsenter 命令行会打印出来。
这需要 root，或者允许普通用户使用用户命名空间。命令不在沙箱里：它看得到你的文件。

  --dev 名称             不用命名空间，而用本机的 TUN 设备；不存在时创建，不给它配置地址
  --address 列表         主机的地址（默认 192.0.2.2/24,2001:db8::2/64）
  --kernel-address 列表  对端内核的地址（默认 192.0.2.1/24,2001:db8::1/64）
  --gateway 地址         主机的下一跳（默认为内核的第一个地址）
  --port N               HTTP 服务的端口（默认 8080）
  --echo-port N          回显服务的端口（默认 7）
  --mtu N                字节数（默认 1500）
  --sysctl 名称=值       主机的设置，可以写几次
  --ladder               在标准错误上实时画出经过的报文
  --pcap 文件            把所有报文写入文件（pcapng）
  --loss P               丢包的比例，0 到 1；每个方向分别计算，以下各项相同
  --delay MS             每个报文的时延，毫秒
  --reorder P            被后面的报文超过的比例
  --duplicate P          到达两次的比例
  --seed N               以上四项所用随机数的种子（默认 1）
  --lang en|zh  --help

退出码：与命令相同；被中断或连接正常结束为 0；连接失败或无法建立环境为 1；用法错误为 2。

示例：
  halfopen tun serve -- curl http://192.0.2.2:8080/
  halfopen tun serve --ladder --loss 0.05 -- ping -c 3 2001:db8::2
  echo hello | halfopen tun connect 192.0.2.1 9000 -- nc -l 9000
`,
  },
  verb: {
    en: 'say serve, or connect ADDRESS PORT; --help says more',
    zh: '请写 serve，或 connect 地址 端口；用法见 --help',
  },
  badNumber: {
    en: "{option} takes a number from {min} to {max}, not '{text}'",
    zh: '{option} 的值应为 {min} 到 {max} 的数，不能是“{text}”',
  },
  badAddress: {
    en: "'{text}' is no address{more}",
    zh: '“{text}”不是地址{more}',
  },
  withPrefix: { en: ' with a prefix length, as 192.0.2.2/24 has', zh: '，应带前缀长度，如 192.0.2.2/24' },
  badSysctl: {
    en: "--sysctl takes NAME=VALUE, not '{text}'",
    zh: '--sysctl 的写法是 名称=值，不能是“{text}”',
  },
  badDevice: {
    en: "a device's name has 1 to 15 letters, digits, '-', '_' or '.', not '{text}'",
    zh: '设备名由 1 到 15 个字母、数字、“-”、“_”或“.”组成，不能是“{text}”',
  },
  serving: {
    en: '{addresses} answers on {device}: HTTP on port {port}, echo on port {echo}, ping',
    zh: '{addresses} 在设备 {device} 上应答：HTTP 端口 {port}，回显端口 {echo}，ping',
  },
  connecting: { en: '{addresses} is on {device}', zh: '{addresses} 位于设备 {device}' },
  enter: { en: 'other programs enter by: {line}', zh: '其他程序进入所用的命令：{line}' },
  noConnection: { en: 'no connection to {target}: {why}', zh: '无法连接 {target}：{why}' },
  broken: { en: 'the connection to {target} broke: {why}', zh: '与 {target} 的连接中断：{why}' },
  noCommand: { en: "'{command}' cannot be started: {why}", zh: '无法启动“{command}”：{why}' },
} as const;
