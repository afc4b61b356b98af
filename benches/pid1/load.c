/* What a PID 1 is loaded with, and the clocks beside it.
 *
 * Below PID 1 (each appends to the file $LOAD_MARK):
 *   load orphans N        N times a child that leaves a grandchild behind, which ends at once; then one
 *                         line "MICROSECONDS ZOMBIES", the most zombies PID 1 had at one look; stays.
 *   load service [MS]     a service: one byte when it runs; after SIGTERM it takes MS to stop.
 *   run                   "load service 0", for s6, whose services are files of that name.
 *   stop                  "load service 500", likewise.
 * Outside, each prints microseconds:
 *   load restart PID FILE kills PID; until FILE is longer.
 *   load gone PID PID1    kills PID; until PID1 has ended.
 *   load ended PID1 SIG   sends it SIG; until it has ended.
 *   load silence SOCKET PID  asks initsh's PID 1 for its services without a pause until PID has ended; the
 *                         longest that an answer took.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Nothing outside is waited for any longer, in milliseconds. */
#define LIMIT 30000

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void mark(const char *text) {
    const char *path = getenv("LOAD_MARK");
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    if (fd < 0) return;
    if (write(fd, text, strlen(text)) < 0) perror(path);
    close(fd);
}

static int is_zombie(long pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'Z';
}

static int zombies(void) {
    static char list[1 << 20];
    int fd = open("/proc/1/task/1/children", O_RDONLY);
    if (fd < 0) return 0;
    size_t size = 0;
    for (ssize_t n; (n = read(fd, list + size, sizeof list - 1 - size)) > 0;) size += n;
    close(fd);
    list[size] = 0;
    int count = 0;
    for (char *word = strtok(list, " \n"); word; word = strtok(NULL, " \n"))
        count += is_zombie(atol(word));
    return count;
}

static int orphans(long count) {
    int most = 0;
    char line[64];
    long long begun = now();
    for (long i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (fork() == 0) _exit(0);
            _exit(0);
        }
        if (child < 0) {
            usleep(1000);
            i--;
            continue;
        }
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        if (i % 500 == 499) {
            int seen = zombies();
            if (seen > most) most = seen;
        }
    }
    snprintf(line, sizeof line, "%lld %d\n", now() - begun, most);
    mark(line);
    if (!getenv("LOAD_MARK")) {
        printf("%s", line);
        return 0;
    }
    return pause();
}

static volatile sig_atomic_t told;

static void on_term(int signal) {
    (void)signal;
    told = 1;
}

static int service(long milliseconds) {
    sigset_t term, before;
    struct sigaction action = {.sa_handler = on_term};
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    sigaction(SIGTERM, &action, NULL);
    mark(".");
    sigdelset(&before, SIGTERM);
    while (!told) sigsuspend(&before);
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&t, &t) < 0 && errno == EINTR) {}
    return 0;
}

static int until_longer(long pid, const char *path) {
    struct stat before, after;
    if (stat(path, &before) < 0) return 1;
    long long begun = now();
    if (kill(pid, SIGKILL) < 0) return 1;
    do {
        if (stat(path, &after) < 0 || now() - begun > LIMIT * 1000LL) return 1;
    } while (after.st_size == before.st_size);
    printf("%lld\n", now() - begun);
    return 0;
}

static int until_ended(long pid, int number, long first) {
    struct pollfd file = {.fd = syscall(SYS_pidfd_open, first, 0), .events = POLLIN};
    if (file.fd < 0) return 1;
    long long begun = now();
    if (kill(pid, number) < 0) return 1;
    if (poll(&file, 1, LIMIT) != 1) return 1;
    printf("%lld\n", now() - begun);
    return 0;
}

static int silence(const char *path, long pid) {
    /* Version, Request::List, and no name: from the first one on (src/supervise/protocol.rs). */
    static const char list[] = {2, 2, 0, 0, 0, 0};
    static char answer[1 << 16];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    long long longest = 0, begun = now();
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return 1;
    while (kill(pid, 0) == 0) {
        long long asked = now();
        struct pollfd file = {.fd = fd, .events = POLLIN};
        if (send(fd, list, sizeof list, MSG_NOSIGNAL) < 0 || poll(&file, 1, LIMIT) != 1) return 1;
        if (recv(fd, answer, sizeof answer, 0) <= 0 || now() - begun > LIMIT * 1000LL) return 1;
        if (now() - asked > longest) longest = now() - asked;
    }
    printf("%lld\n", longest);
    return 0;
}

int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    if (!strcmp(name, "run")) return service(0);
    if (!strcmp(name, "stop")) return service(500);
    const char *what = argc > 1 ? argv[1] : "";
    if (argc > 2 && !strcmp(what, "orphans")) return orphans(atol(argv[2]));
    if (!strcmp(what, "service")) return service(argc > 2 ? atol(argv[2]) : 0);
    if (argc > 3 && !strcmp(what, "restart")) return until_longer(atol(argv[2]), argv[3]);
    if (argc > 3 && !strcmp(what, "gone")) return until_ended(atol(argv[2]), SIGKILL, atol(argv[3]));
    if (argc > 3 && !strcmp(what, "ended")) return until_ended(atol(argv[2]), atoi(argv[3]), atol(argv[2]));
    if (argc > 3 && !strcmp(what, "silence")) return silence(argv[2], atol(argv[3]));
    fprintf(stderr, "usage: see the head of benches/pid1/load.c\n");
    return 2;
}
