/* os_inotify.c - the calls of os_inotify.h: each is the kernel's. */
#include "hark/os_inotify.h"
#include "kernel/kernel.h"

int hark_os_inotify_init(void)
{
    return kernel_inotify_init1(NULL, IN_CLOEXEC | IN_NONBLOCK);
}

int hark_os_inotify_add_watch(int fd, const char *path, uint32_t events)
{
    return kernel_inotify_add_watch(NULL, fd, path, events);
}

int hark_os_inotify_rm_watch(int fd, int watch)
{
    return kernel_inotify_rm_watch(NULL, fd, watch);
}
