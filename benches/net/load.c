// What scripts/bench-net measures with. It starts programs and says how long they took, in microseconds:
//
//   load time LOG COMMAND…                 one program to its end: "MICROSECONDS STATUS"
//   load ready LOG SECONDS IF COMMAND…     until IF has what the kernel then tells: the times from the start
//                                          to "UP IP4 IP6 PREFIX", "-" for what did not come
//   load kept LOG SECONDS COMMAND…         until each has written to INITSH_READY_FD, and a second more:
//                                          "MICROSECONDS KILOBYTES…", the anonymous memory of each
//
// Several commands, with ":::" between them, run side by side. `ready` and `kept` end them.
// Usable is an address that is not tentative (or optimistic) and that a default route goes with; a prefix
// is there when the kernel refuses what is sent to its unassigned rest.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 256 };

static pid_t children[MOST];
static int started;
static const char *log_file;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  for (int i = 0; i < started; i++) kill(children[i], SIGKILL);
  exit(2);
}

// The child's descriptor number 3 is `ready`, if there is one.
static void start(char **argv, int ready) {
  if (started == MOST) die("too many commands");
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    int null = open("/dev/null", O_RDONLY);
    int out = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    if (ready >= 0) {
      dup2(ready, 3);
      setenv("INITSH_READY_FD", "3", 1);
    }
    execvp(argv[0], argv);
    _exit(127);
  }
  children[started++] = pid;
}

// Starts what stands between the separators; `ready[i]` is where program i tells that it is ready.
static void start_all(char **argv, int *ready) {
  while (*argv) {
    char **end = argv;
    while (*end && strcmp(*end, ":::")) end++;
    char *rest = *end;
    *end = NULL;
    int ends[2] = {-1, -1};
    if (ready && pipe2(ends, O_CLOEXEC)) die("pipe");
    start(argv, ends[1]);
    if (ready) {
      close(ends[1]);
      ready[started - 1] = ends[0];
    }
    argv = rest ? end + 1 : end;
  }
}

static void end_all(void) {
  for (int i = 0; i < started; i++) kill(children[i], SIGTERM);
  long long limit = now() + 2000000;
  int left = started;
  while (left > 0 && now() < limit) {
    if (waitpid(-1, NULL, WNOHANG) > 0) left--;
    else usleep(1000);
  }
  for (int i = 0; left > 0 && i < started; i++) kill(children[i], SIGKILL);
}

static int time_one(char **argv) {
  long long began = now();
  start(argv, -1);
  int status;
  if (waitpid(children[0], &status, 0) < 0) die("wait");
  printf("%lld %d\n", now() - began, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}

enum { UP, ADDRESS4, ROUTE4, ADDRESS6, ROUTE6, PREFIX, EVENTS };
static long long at[EVENTS];

static void event(int which, long long when) {
  if (!at[which]) at[which] = when;
}

static void look_at_address(struct nlmsghdr *message, unsigned index, long long when) {
  struct ifaddrmsg *body = NLMSG_DATA(message);
  if (body->ifa_index != index || body->ifa_scope != RT_SCOPE_UNIVERSE) return;
  unsigned flags = body->ifa_flags;
  int length = IFA_PAYLOAD(message);
  for (struct rtattr *a = IFA_RTA(body); RTA_OK(a, length); a = RTA_NEXT(a, length))
    if (a->rta_type == IFA_FLAGS) flags = *(unsigned *)RTA_DATA(a);
  if (body->ifa_family == AF_INET) event(ADDRESS4, when);
  else if (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC) event(ADDRESS6, when);
}

static void look_at_route(struct nlmsghdr *message, long long when) {
  struct rtmsg *body = NLMSG_DATA(message);
  int refuses = body->rtm_type == RTN_UNREACHABLE || body->rtm_type == RTN_BLACKHOLE ||
                body->rtm_type == RTN_PROHIBIT;
  if (body->rtm_type == RTN_UNICAST && body->rtm_dst_len == 0)
    event(body->rtm_family == AF_INET ? ROUTE4 : ROUTE6, when);
  if (refuses && body->rtm_family == AF_INET6 && body->rtm_dst_len >= 40 && body->rtm_dst_len <= 64)
    event(PREFIX, when);
}

static void look(int fd, unsigned index) {
  static char buffer[65536];
  int length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  long long when = now();
  for (struct nlmsghdr *m = (void *)buffer; length > 0 && NLMSG_OK(m, (unsigned)length);
       m = NLMSG_NEXT(m, length)) {
    if (m->nlmsg_type == RTM_NEWLINK) {
      struct ifinfomsg *link = NLMSG_DATA(m);
      if (link->ifi_index == (int)index && link->ifi_flags & IFF_UP) event(UP, when);
    }
    if (m->nlmsg_type == RTM_NEWADDR) look_at_address(m, index, when);
    if (m->nlmsg_type == RTM_NEWROUTE) look_at_route(m, when);
  }
}

static void print_later(long long one, long long other, long long began, const char *end) {
  if (one && other) printf("%lld%s", (one > other ? one : other) - began, end);
  else printf("-%s", end);
}

static int until_ready(double seconds, const char *interface, char **argv) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl groups = {
      .nl_family = AF_NETLINK,
      .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                   RTMGRP_IPV6_ROUTE,
  };
  int size = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  if (fd < 0 || bind(fd, (void *)&groups, sizeof groups)) die("rtnetlink");
  unsigned index = if_nametoindex(interface);
  if (!index) die(interface);
  long long began = now(), limit = began + (long long)(seconds * 1000000);
  start_all(argv, NULL);
  for (;;) {
    int missing = 0;
    for (int i = 0; i < EVENTS; i++) missing += !at[i];
    long long left = limit - now();
    if (!missing || left <= 0) break;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, (int)(left / 1000) + 1) > 0) look(fd, index);
  }
  print_later(at[UP], at[UP], began, " ");
  print_later(at[ADDRESS4], at[ROUTE4], began, " ");
  print_later(at[ADDRESS6], at[ROUTE6], began, " ");
  print_later(at[PREFIX], at[PREFIX], began, "\n");
  end_all();
  return 0;
}

static long anonymous(pid_t pid) {
  char path[64], line[256];
  long kilobytes = -1;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) sscanf(line, "Anonymous: %ld", &kilobytes);
  if (file) fclose(file);
  return kilobytes;
}

static int kept(double seconds, char **argv) {
  int ready[MOST];
  long long began = now();
  start_all(argv, ready);
  for (int i = 0; i < started; i++) {
    long long left = began + (long long)(seconds * 1000000) - now();
    struct pollfd poll_fd = {.fd = ready[i], .events = POLLIN};
    char byte;
    if (left < 0 || poll(&poll_fd, 1, (int)(left / 1000)) <= 0 || read(ready[i], &byte, 1) != 1) {
      errno = ETIME;
      die("a client is not ready");
    }
  }
  printf("%lld", now() - began);
  sleep(1);
  for (int i = 0; i < started; i++) printf(" %ld", anonymous(children[i]));
  printf("\n");
  end_all();
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 3) log_file = argv[2];
  if (argc > 3 && !strcmp(argv[1], "time")) return time_one(argv + 3);
  if (argc > 5 && !strcmp(argv[1], "ready")) return until_ready(atof(argv[3]), argv[4], argv + 5);
  if (argc > 4 && !strcmp(argv[1], "kept")) return kept(atof(argv[3]), argv + 4);
  fprintf(stderr, "usage: load time|ready|kept LOG …\n");
  return 2;
}
