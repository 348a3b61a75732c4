/* Sets the wall clock of the processes that load this library (LD_PRELOAD) ahead of the machine's clock. The first eight bytes of the file
 * in $SIMULATED_CLOCK contain the difference in seconds. Monotonic clocks are unchanged. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;
/* The C library's function reads the clock without a system call, which would count as CPU time of the process. */
static int (*machine_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void find_clock(void)
{
    const char *path = getenv("SIMULATED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        abort(); /* otherwise the test would use the machine's time */
    void *page = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED)
        abort();
    ahead = page;
    *(void **)&machine_clock = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int outcome = machine_clock ? machine_clock(clock, time) : (int)syscall(SYS_clock_gettime, clock, time);
    if (outcome == 0 && clock == CLOCK_REALTIME && ahead)
        time->tv_sec += *ahead;
    return outcome;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone; /* obsolete */
    struct timespec now;
    int outcome = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return outcome;
}
