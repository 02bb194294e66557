/* file.h - an open file, as open(2) calls what a descriptor leads to: whatever kind it is of.
 *
 * The functions of a kind never wait: what cannot be done now is -EAGAIN, and who wants to wait
 * does so in the file's queue (call_block for a thread, a request for io_uring). A kind embeds the
 * struct as its first member. */
#ifndef SIM_FILE_FILE_H
#define SIM_FILE_FILE_H

#include "sim/world/wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

struct file;
struct process;

enum { FILE_OFFSET_OWN = -1 }; /* the file's own, which moves on */

struct file_kind {
    const char *name;
    /* Whether reads and writes take an offset, and wait for a device, not for readiness. */
    bool is_regular;
    bool is_socket; /* it is a struct socket: socket_base.h */
    /* A read or write moves whole ones of something, or none. A socket's type says it of that. */
    bool has_borders;
    /* The last descriptor has gone, and the last who used it: its memory goes, too. */
    void (*release)(struct file *file);
    /* Bytes moved, or a negative errno. flags: RWF_... of preadv2(2). NULL: -EINVAL. */
    int64_t (*read)(struct file *file, const struct iovec *vector, int count, int64_t offset,
                    int flags);
    int64_t (*write)(struct file *file, const struct iovec *vector, int count, int64_t offset,
                     int flags);
    /* The events of poll(2) that hold now, all of them. NULL: it cannot be watched, and is always
     * readable and writable. */
    uint32_t (*poll)(struct file *file);
    /* NULL: -ENOTTY. */
    int (*ioctl)(struct file *file, unsigned long request, void *argument);
    /* Memory that a process and the file share; it stays the file's. NULL: -ENODEV. */
    void *(*map)(struct file *file, size_t bytes, int64_t offset);
    /* A mapping of the file's content, which unmap ends: 0 and *out_memory, or a negative errno. In
     * the place of `map`. */
    int (*map_content)(struct file *file, size_t bytes, int protection, int flags, int64_t offset,
                       void **out_memory);
    void (*unmap)(struct file *file, void *memory, size_t bytes);
    /* Fills in what a stat has of it. NULL: it is of no type (0600). */
    void (*status)(struct file *file, struct stat *out_status);
};

struct file {
    const struct file_kind *kind;
    uint32_t references; /* descriptors, and requests and calls under way */
    int flags;           /* of open(2): access, O_NONBLOCK, O_APPEND, O_DIRECT */
    struct wait_queue queue;
    struct watch *watches;             /* by epoll descriptors: epoll.c */
    void (*forget)(struct file *file); /* ends those; NULL: there are none */
    uint64_t number;                   /* its inode, unique in the world */
};

/* A world begins: numbers are given out anew. */
void file_begin(void);

/* A new one of the kind, `bytes` long, zeroed but for the head, with one reference. */
void *file_create(const struct file_kind *kind, size_t bytes, int flags);
void file_hold(struct file *file);
void file_release(struct file *file);

/* The events that hold. */
uint32_t file_poll(struct file *file);

/* Something has happened to it: whoever waits for these events looks again. */
void file_wake(struct file *file, uint32_t events);

/* Reads or writes now. Checks the access that it was opened for. */
int64_t file_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                  int flags);
int64_t file_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                   int flags);

/* Copies between plain bytes and a vector, from `at` in it on. Gives how many. */
size_t vector_bytes(const struct iovec *vector, int count);
size_t vector_take(const struct iovec *vector, int count, size_t at, void *bytes, size_t room);
size_t vector_put(const struct iovec *vector, int count, size_t at, const void *bytes, size_t size);

/* Shortens a vector to so many bytes. Gives: how many parts it has then. */
int vector_cut(struct iovec *vector, int count, size_t most);
/* What is left behind the first `done` bytes, in out_rest, which has as much room. Gives how many
 * parts. */
int vector_rest(const struct iovec *vector, int count, size_t done, struct iovec *out_rest);

#endif
