/* What a PID 1 is loaded with. Every mode prints one line when it is done.
 *
 *   load orphans N    N times: a child that leaves a grandchild behind, which ends at once. Prints
 *                     "orphans MICROSECONDS ZOMBIES": the most zombies that PID 1 had at one look.
 *   load service      a service that takes half a second to stop after SIGTERM.
 *   load sleep        a service that ends at SIGTERM at once and takes as little memory as it can.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
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

/* Zombies among the children of PID 1 that are there before and after the look. */
static int zombies(void) {
    static char list[1 << 20];
    int fd = open("/proc/1/task/1/children", O_RDONLY);
    if (fd < 0) return -1;
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
    long long took = now() - begun;
    int last = zombies();
    if (last > most) most = last;
    printf("orphans %lld %d\n", took, most);
    return 0;
}

static void on_term(int signal) { (void)signal; }

static int service(long milliseconds) {
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    /* Whoever starts a thousand of these wants to know when they are all there. */
    pause();
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&t, &t) < 0 && errno == EINTR) {}
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "orphans")) return orphans(atol(argv[2]));
    if (argc > 1 && !strcmp(argv[1], "service")) return service(500);
    if (argc > 1 && !strcmp(argv[1], "sleep")) return pause();
    fprintf(stderr, "usage: load orphans N | service | sleep\n");
    return 2;
}
