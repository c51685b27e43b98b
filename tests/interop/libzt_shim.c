/*
 * What the shared object of the PyPI package libzt 1.8.4 asks for and nobody supplies: two members and
 * the destructor of a class that its Linux build leaves out, and a function of CPython 3.9 that later
 * ones do not export. Preloaded into the child process that runs the node; nothing here does anything
 * for the traffic, which goes by UDP sockets and a TCP/IP stack of the library's own.
 */
#include <stdint.h>
#include <sys/time.h>

/* ZeroTier::LinuxNetLink::LinuxNetLink() */
void _ZN8ZeroTier12LinuxNetLinkC1Ev(void *self) {
    (void)self;
}

/* ZeroTier::LinuxNetLink::~LinuxNetLink() */
void _ZN8ZeroTier12LinuxNetLinkD1Ev(void *self) {
    (void)self;
}

/* ZeroTier::LinuxNetLink::delRoute(target, via, source, interface) */
void _ZN8ZeroTier12LinuxNetLink8delRouteERKNS_11InetAddressES3_S3_PKc(
    void *self, const void *target, const void *via, const void *source, const char *interface) {
    (void)self;
    (void)target;
    (void)via;
    (void)source;
    (void)interface;
}

/* Nanoseconds to seconds and microseconds; the rounding mode matters to no one here. */
int _PyTime_AsTimeval_noraise(int64_t nanoseconds, struct timeval *result, int rounding) {
    (void)rounding;
    result->tv_sec = nanoseconds / 1000000000;
    result->tv_usec = nanoseconds % 1000000000 / 1000;
    return 0;
}
