/*
 * Debian's lwIP behind halfopen's runner, in virtual time: halfopen run --on exec:./lwip-stack PATH...
 * docs/foreign-stacks.md describes the protocol. Build: cc -o lwip-stack lwip-stack.c $(pkg-config --cflags --libs lwip)
 */
#include <errno.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/timeouts.h>
#include <stdio.h>
#include <string.h>

enum { HELLO = 1, TIME, PACKET, CALL, BYE = 7, CANNOT }; /* frames; on the way back TIME is READY, and CALL is RETURN */
enum { Socket = 1, Bind, Connect, Listen, Accept, Read, Write = 11, Close = 16, Shutdown, Fcntl, Getsockopt = 20, Setsockopt };
enum { BLOCKS = 1 << 30, MOST = 64 };
struct call { uint32_t id; uint16_t number, flags; int32_t fd, a, b, c; uint16_t family, port; uint8_t ip[16], data[64]; };
static struct sock { struct tcp_pcb *pcb; int used, connecting, nonblock, linger, bytes, ended, error, parent; } socks[MOST];
static uint64_t now;        /* virtual time, us */
static int happened;        /* frames sent since time was granted */
static struct call pending; /* the call that blocks, if its id is not 0 */
static struct netif nif;

u32_t sys_now(void) { return (u32_t)(now / 1000); } /* lwIP's clock, ms: this one comes before the library's own */

static void put(uint8_t type, const void *head, uint32_t headLength, const void *rest, uint32_t restLength) {
  uint32_t length = 1 + headLength + restLength;
  fwrite(&length, 4, 1, stdout), fputc(type, stdout);
  fwrite(head, 1, headLength, stdout), fwrite(rest, 1, restLength, stdout), happened++;
}
static err_t leave(struct netif *n, struct pbuf *p, const ip4_addr_t *to) {
  static uint8_t bytes[65536];
  (void)n, (void)to;
  return put(PACKET, &now, 8, bytes, pbuf_copy_partial(p, bytes, p->tot_len, 0)), ERR_OK;
}
static err_t setUp(struct netif *n) { return n->output = leave, n->mtu = 1500, ERR_OK; }

static err_t received(void *sock, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
  struct sock *s = sock;
  (void)pcb, (void)err;
  return p == NULL ? (s->ended = 1, ERR_OK) : (s->bytes += p->tot_len, pbuf_free(p), ERR_OK);
}
static void failed(void *sock, err_t err) { /* lwIP has freed the pcb */
  struct sock *s = sock;
  s->error = err == ERR_CLSD ? 0 : err != ERR_RST ? ETIMEDOUT : s->connecting ? ECONNREFUSED : ECONNRESET, s->pcb = NULL;
}
static int newSock(struct tcp_pcb *pcb, int parent) {
  int fd = 3;
  while (fd < MOST && socks[fd].used) fd++;
  if (pcb == NULL || fd == MOST) return -EMFILE;
  socks[fd] = (struct sock){ .pcb = pcb, .used = 1, .parent = parent };
  return tcp_arg(pcb, &socks[fd]), tcp_recv(pcb, received), tcp_err(pcb, failed), fd;
}
static err_t accepted(void *sock, struct tcp_pcb *pcb, err_t err) {
  return err == ERR_OK && newSock(pcb, (int)((struct sock *)sock - socks)) > 0 ? ERR_OK : ERR_MEM;
}
static int result(err_t err) { return err == ERR_OK ? 0 : err == ERR_USE ? -EADDRINUSE : err == ERR_RTE ? -ENETUNREACH : -EINVAL; }
static int takeError(struct sock *s) { int error = s->error; return s->error = 0, -error; }
static int wait(struct sock *s) { return s->nonblock ? -EAGAIN : BLOCKS; }

/* What a call comes to: a value, a negative error, or BLOCKS. `again`: it has blocked already. */
static int attempt(struct call *c, int again, int32_t *option) {
  static const char zeros[65536];
  if (c->number == Socket) return c->b == 1 ? newSock(tcp_new(), 0) : -ENOSYS;
  if (c->fd < 3 || c->fd >= MOST || !socks[c->fd].used) return -EBADF;
  struct sock *s = &socks[c->fd];
  int open = s->pcb != NULL && s->pcb->state >= ESTABLISHED, room = open ? LWIP_MIN(c->b, tcp_sndbuf(s->pcb)) : 0;
  ip_addr_t ip = IPADDR4_INIT(0);
  memcpy(&ip_2_ip4(&ip)->addr, c->ip, 4);
  switch (c->number) {
  case Bind: return result(tcp_bind(s->pcb, &ip, c->port));
  case Listen:
    s->pcb = tcp_listen_with_backlog(s->pcb, (u8_t)LWIP_MIN(c->a, 255));
    return tcp_arg(s->pcb, s), tcp_accept(s->pcb, accepted), 0;
  case Accept:
    for (int fd = 3; fd < MOST; fd++)
      if (socks[fd].used && socks[fd].parent == c->fd) return socks[fd].parent = 0, fd;
    return wait(s);
  case Connect:
    if (s->pcb == NULL) return takeError(s);
    if (s->connecting) return open ? (again ? 0 : -EISCONN) : again ? BLOCKS : -EALREADY;
    err_t err = tcp_connect(s->pcb, &ip, c->port, NULL);
    return err != ERR_OK ? result(err) : (s->connecting = 1, s->nonblock ? -EINPROGRESS : BLOCKS);
  case Read:
    if (s->bytes == 0) return s->error ? takeError(s) : s->ended || s->pcb == NULL ? 0 : open ? wait(s) : -ENOTCONN;
    int got = LWIP_MIN(s->bytes, c->b);
    if (s->pcb != NULL) tcp_recved(s->pcb, (u16_t)got);
    return s->bytes -= got, got;
  case Write:
    if (s->error != 0) return takeError(s);
    if (!open) return s->pcb == NULL ? -EPIPE : -ENOTCONN;
    if (room == 0 && c->b > 0) return wait(s);
    return tcp_write(s->pcb, zeros, (u16_t)room, TCP_WRITE_FLAG_COPY) != ERR_OK ? -EPIPE : (tcp_output(s->pcb), room);
  case Close:
    if (s->pcb != NULL) tcp_arg(s->pcb, NULL), tcp_err(s->pcb, NULL), tcp_recv(s->pcb, NULL);
    if (s->pcb != NULL && (s->linger || tcp_close(s->pcb) != ERR_OK)) tcp_abort(s->pcb);
    return s->used = 0;
  case Shutdown: return open ? result(tcp_shutdown(s->pcb, c->a != 1, c->a != 0)) : -ENOTCONN;
  case Fcntl: return c->a == 4 ? (s->nonblock = (c->b & 2048) != 0, 0) : -ENOSYS; /* F_SETFL, O_NONBLOCK */
  case Setsockopt: /* SO_REUSEADDR is how lwIP is anyway; SO_LINGER without time makes close() an abort */
    if (c->a == 1 && c->b == 13) s->linger = c->data[0] == 1 && c->data[4] == 0;
    return c->a == 1 && (c->b == 2 || c->b == 13) ? 0 : -ENOSYS;
  case Getsockopt: return c->a == 1 && c->b == 4 ? (*option = -takeError(s), 0) : -ENOSYS; /* SO_ERROR */
  default: return -ENOSYS;
  }
}
static void answer(struct call *c, int again) {
  int32_t option = 0, got = attempt(c, again, &option);
  if (got == BLOCKS && !again) pending = *c;
  if (got == BLOCKS) return;
  struct { uint32_t id; int32_t value, error, none; uint64_t at; } head = { c->id, got < 0 ? -1 : got, got < 0 ? -got : 0, 0, now };
  put(CALL, &head, 24, &option, c->number == Getsockopt && got == 0 ? 4 : 0), pending.id = again ? 0 : pending.id;
}
static uint64_t nextDue(void) { /* lwIP's timers run on without a connection, to no effect */
  u32_t ms = tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL ? SYS_TIMEOUTS_SLEEPTIME_INFINITE : sys_timeouts_sleeptime();
  return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : (now / 1000 + ms) * 1000;
}
static void passTime(uint64_t until) { /* up to the first thing that is to be seen */
  for (happened = 0; happened == 0 && nextDue() <= until;) {
    now = LWIP_MAX(now, nextDue());
    sys_check_timeouts();
    if (pending.id != 0) answer(&pending, 1);
  }
  if (happened == 0) now = until;
}
static void hello(const uint8_t *body) {
  ip4_addr_t ours, gateway; /* the netmask may be empty: there is one link */
  memcpy(&ours.addr, body + 8, 4), memcpy(&gateway.addr, body + 40, 4);
  if (body[4] == 1) { put(CANNOT, "it runs in virtual time only", 28, "", 0); return; }
  lwip_init();
  netif_set_default(netif_add(&nif, &ours, IP4_ADDR_ANY4, &gateway, NULL, setUp, ip_input));
  netif_set_up(&nif), netif_set_link_up(&nif), put(HELLO, "\1\0\0lwIP", 7, "", 0);
}
int main(void) {
  static uint8_t in[1 << 20], *body = in + 1;
  for (uint32_t length; fread(&length, 4, 1, stdin) && length <= sizeof in && fread(in, length, 1, stdin) == 1 && in[0] != BYE;) {
    struct call c = { 0 };
    uint64_t until;
    struct pbuf *p = in[0] == PACKET ? pbuf_alloc(PBUF_RAW, (u16_t)(length - 1), PBUF_RAM) : NULL;
    if (in[0] == HELLO) hello(body);
    if (in[0] == TIME) memcpy(&until, body, 8), passTime(until);
    if (in[0] == CALL) memcpy(&c, body, LWIP_MIN(length - 1, sizeof c)), answer(&c, 0);
    if (p != NULL && (pbuf_take(p, body, (u16_t)(length - 1)), nif.input(p, &nif)) != ERR_OK) pbuf_free(p);
    if (pending.id != 0 && in[0] != CALL) answer(&pending, 1);
    put(TIME, (uint64_t[]){ now, nextDue() }, 16, "", 0), fflush(stdout);
  }
  return 0;
}
