/* bytes.h - bytes that wait in order: put in at the end, taken out at the front. */
#ifndef SIM_NET_BYTES_H
#define SIM_NET_BYTES_H

#include <stddef.h>
#include <sys/uio.h>

struct bytes {
    unsigned char *memory;
    size_t room, first, count;
};

/* From `at` in the vector on. */
void bytes_put(struct bytes *bytes, const struct iovec *vector, int parts, size_t at, size_t size);
void bytes_put_plain(struct bytes *bytes, const void *from, size_t size);

/* Copies `size` from place `from` on, without taking them out. They must be there. */
void bytes_copy(const struct bytes *bytes, size_t from, void *to, size_t size);
/* The same to `at` in the vector. */
void bytes_copy_to_vector(const struct bytes *bytes, size_t from, const struct iovec *vector,
                          int parts, size_t at, size_t size);

/* Takes out the first. */
void bytes_drop(struct bytes *bytes, size_t size);

void bytes_done(struct bytes *bytes);

#endif
