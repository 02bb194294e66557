/* devices.h - devices and files whose behaviour is known: a loop device, a file system that answers
 * late, a group of processes whose reads are throttled. Each is skipped, with the reason, where it
 * cannot be had, and is gone with the process that made it, also if that is killed. */
#ifndef TESTS_TRACE_DEVICES_H
#define TESTS_TRACE_DEVICES_H

#include <stdint.h>
#include <sys/types.h>

/* A block device that is a file.
 * Takes: backing: stays the caller's.
 * Gives: the device, O_RDONLY | O_DIRECT; when that is closed, it is gone. name: "loop3". */
int device_loop(int backing, char name[16]);

/* A file in a file system (FUSE) that a process of ours serves: each read is answered after a
 * time, and gives zeros. */
struct slow_file {
    int fd; /* O_RDWR; not to be closed by the test */
    pid_t server;
    char mount[128];
};

void slow_file_open(struct slow_file *file, uint64_t bytes, uint64_t delay_ns);
void slow_file_close(struct slow_file *file);

/* The process's reads of a device, at most so many a second from here on. */
struct throttle {
    pid_t guard; /* who removes the group */
    int guarded;
    char group[128];
};

void throttle_begin(struct throttle *throttle, dev_t device, unsigned reads_per_second);
void throttle_end(struct throttle *throttle);

#endif
